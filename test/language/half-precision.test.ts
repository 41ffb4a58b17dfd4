import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { CausalTrainerEngine, cpuInfo } from '../../src/engine/index.js';
import { SafetensorsFile, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { type LanguageModel, type LoadLanguageModelOptions, loadLanguageModel } from '../../src/language/index.js';
import { ADAMW, adaptersFor } from '../engine/causals.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { writeGgufOf } from './gguf-base.js';
import { TINY_CONFIG, writeTinyBase } from './tiny-base.js';

const folder = useTemporaryFolder();
const opened: { dispose(): void }[] = [];

afterEach(() => {
  for (const model of opened.splice(0)) model.dispose();
});

async function load(path: string, options: LoadLanguageModelOptions = {}): Promise<LanguageModel> {
  const model = await loadLanguageModel(path, { threads: 2, ...options });
  opened.push(model);
  return model;
}

/** Copies a base, its weights in float32. */
async function widened(base: string): Promise<string> {
  const copy = join(folder(), 'widened');
  await cp(base, copy, { recursive: true });
  await using file = await SafetensorsFile.open(join(base, 'model.safetensors'));
  const tensors = Array.from(file.tensors.values(), ({ name, shape }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    bytes: async function* () {
      const values = await file.readFloat32(name);
      yield new Uint8Array(values.buffer);
    },
  }));
  await writeSafetensors(join(copy, 'model.safetensors'), tensors);
  return copy;
}

const IDS = Int32Array.from({ length: 24 }, (_, index) => (index * 37 + 5) % TINY_CONFIG.vocab_size);
const BATCH = { ids: IDS, lengths: [17, 7] };
const PROMPTS = ['What did Tom find?', 'dog'];
const PRECISIONS = ['fp32', ...(cpuInfo().bfloat16 ? (['bf16'] as const) : [])] as const;

/** Everything that reads weights: products of many rows and of few, gradients through them, and the token table. */
async function resultsOf(model: LanguageModel) {
  const { engine } = model;
  const lora = adaptersFor(engine.sizes, 2, [0, 1]);
  const { likelihoods, gradients } = await engine.adapterGradients({ ...BATCH, lora }, IDS, 0.1);
  const answers = await model.generate(PROMPTS, { maxNewTokens: 8 });
  return { logits: await engine.logits(BATCH), likelihoods, gradients, answers };
}

describe.each(['BF16', 'F16'] as const)('a base in %s', (dtype) => {
  test.each(PRECISIONS)('gives the bytes of the same weights in float32, in %s', async (precision) => {
    const config = { tie_word_embeddings: false, attention_bias: true };
    const base = await writeTinyBase(join(folder(), 'base'), { dtype, config });
    const [half, whole] = [await load(base, { precision }), await load(await widened(base), { precision })];
    expect(await resultsOf(half)).toEqual(await resultsOf(whole));
  });

  test('has in memory of its own only norms and biases', async () => {
    const base = await writeTinyBase(join(folder(), 'base'), { dtype, config: { attention_bias: true } });
    const { engine } = await load(base);
    const others = engine.parameters.filter(({ name }) => !/(proj|embed_tokens)\.weight$/.test(name));
    expect(others.length).toBe(5 + 4 * 2);
    const elements = others.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size), 0);
    expect(engine.parameterBytes).toBe(4 * elements);
    expect((await load(await widened(base))).engine.parameterBytes).toBe(0);
  });

  test('cannot be trained as a whole', async () => {
    const { engine } = await load(await writeTinyBase(join(folder(), 'base'), { dtype }));
    const training = CausalTrainerEngine.create(engine, { parameters: { trained: 'all' }, optimiser: ADAMW });
    await expect(training).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/embed_tokens\.weight is in a mapped file/),
    });
  });

  test('as a GGUF file has in memory of its own also what llama.cpp orders otherwise', async () => {
    const base = await writeTinyBase(join(folder(), 'base'), { dtype });
    const { engine } = await load(await writeGgufOf(base, join(folder(), 'base.gguf'), { type: dtype }));
    const { hidden_size: hidden, num_hidden_layers: layers } = TINY_CONFIG;
    const [queries, keys] = [hidden * hidden, (hidden * hidden) / 2];
    expect(engine.parameterBytes).toBe(4 * layers * (queries + keys));
    expect(await engine.logits(BATCH)).toEqual(await (await load(base)).engine.logits(BATCH));
  });
});
