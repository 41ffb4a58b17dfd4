import { join } from 'node:path';
import { CausalTextEncoder, loadTextEncoder, loadTokenCounter } from '../../src/encoder/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { relativeError } from './golden.js';
import { SPELLING_TOKENIZER, spell, tensor, writeModel } from './models.js';

const temporary = useTemporaryFolder();

/** The golden Llama with a tokeniser that spells, of small letters only: its vocabulary is large enough for them. */
async function writeLlama(
  name: string,
  { bare = false, config = {}, tokenizerConfig = {}, processor = null as unknown } = {},
): Promise<string> {
  const golden = join(__dirname, '..', 'fixtures', 'golden', 'causal_llama.safetensors');
  const file = await SafetensorsFile.open(golden);
  const names = [...file.tensors.keys()].filter((key) => key.startsWith('model.'));
  const tensors = await Promise.all(
    names.map(async (key) =>
      tensor(bare ? key.slice('model.'.length) : key, file.tensors.get(key)!.shape, await file.readFloat32(key)),
    ),
  );
  const settings = {
    ...JSON.parse(file.metadata.config!),
    vocab_size: file.tensors.get(names[0]!)!.shape[0],
    ...config,
  };
  await file.close();
  return writeModel(
    join(temporary(), name),
    {
      'config.json': settings,
      'tokenizer.json': { ...SPELLING_TOKENIZER, post_processor: processor },
      'tokenizer_config.json': { pad_token: '[PAD]', padding_side: 'left', ...tokenizerConfig },
    },
    tensors,
  );
}

// Letters up to q: the ids of others exceed the model's vocabulary.
const PROMPTS = ['abc de', 'fog', 'a bold camel climbed along an ample hill'.replace(/[r-z]/g, 'a')];
const LENGTH = 16;
const CHANNELS = 32;
const ids = (prompt: string) => spell(prompt).slice(1, -1);
const zero = { maxLength: LENGTH, padding: 'zero', pooling: 'none' } as const;

test('hidden states are those of the engine after the layer, for each prompt by itself, and zeros behind it', async () => {
  const folder = await writeLlama('layer');
  await using encoder = await CausalTextEncoder.load(folder, { layer: 1 });
  const { hiddenStates, shape, tokens, truncatedPrompts } = await encoder.encode(PROMPTS, zero);
  expect(shape).toEqual([3, LENGTH, CHANNELS]);
  expect(truncatedPrompts).toEqual([2]);
  let total = 0;
  for (const [index, prompt] of PROMPTS.entries()) {
    const own = Int32Array.from(ids(prompt).slice(0, LENGTH));
    total += own.length;
    const expected = await encoder.engine.hiddenStates({ ids: own, lengths: [own.length] }, 1);
    const row = hiddenStates.subarray(index * LENGTH * CHANNELS, (index + 1) * LENGTH * CHANNELS);
    expect(row.subarray(0, expected.length)).toEqual(expected);
    expect(row.subarray(expected.length).every((value) => value === 0)).toBe(true);
  }
  expect(tokens).toBe(total);
});

test('the engine agrees with the golden hidden states of that layer and of the last one', async () => {
  const file = await SafetensorsFile.open(join(__dirname, '..', 'fixtures', 'golden', 'causal_llama.safetensors'));
  const bytes = await file.read('input_ids');
  const golden = Int32Array.from(new BigInt64Array(bytes.buffer), Number);
  const lengths = [19, 19];
  const folder = await writeLlama('golden', { bare: true });
  for (const [layer, name] of [
    [1, 'hidden_states_1'],
    [undefined, 'hidden_states_last'],
  ] as const) {
    await using encoder = await CausalTextEncoder.load(folder, { layer });
    const states = await encoder.engine.hiddenStates({ ids: golden, lengths }, encoder.identity.layer);
    expect(relativeError(states, await file.readFloat32(name))).toBeLessThan(1e-5);
  }
  await file.close();
});

test('pools to the mean of the real tokens', async () => {
  await using encoder = await loadTextEncoder(await writeLlama('pooled'));
  const all = await encoder.encode(PROMPTS, zero);
  const mean = await encoder.encode(PROMPTS, { ...zero, padding: 'encode', pooling: 'mean' });
  expect(mean.shape).toEqual([3, 1, CHANNELS]);
  const real = ids(PROMPTS[0]!).length;
  for (let c = 0; c < CHANNELS; c++) {
    let sum = 0;
    for (let place = 0; place < real; place++) sum += all.hiddenStates[place * CHANNELS + c]!;
    expect(mean.hiddenStates[c]).toBeCloseTo(sum / real, 5);
  }
});

test('prompts longer than the positions pass in windows', async () => {
  await using encoder = await CausalTextEncoder.load(
    await writeLlama('windows', { config: { max_position_embeddings: 8 } }),
  );
  expect(encoder.maxWindow).toBe(8);
  const prompt = 'abcdefghijklm';
  const { hiddenStates } = await encoder.encode([prompt], zero);
  const second = Int32Array.from(ids(prompt).slice(8));
  const expected = await encoder.engine.hiddenStates({ ids: second, lengths: [5] }, encoder.identity.layer);
  expect(hiddenStates.subarray(8 * CHANNELS, 13 * CHANNELS)).toEqual(expected);
});

const template = (...parts: string[]) => ({
  type: 'TemplateProcessing',
  single: parts.map((id) =>
    id === '$A' ? { Sequence: { id: 'A', type_id: 0 } } : { SpecialToken: { id, type_id: 0 } },
  ),
  special_tokens: {},
});

test.each([
  ['[CLS] before', template('[CLS]', '$A'), [2], []],
  ['[SEP] behind', template('$A', '[SEP]'), [], [3]],
  ['none', null, [], []],
])('of %s, special tokens are those of tokenizer.json, whatever the flags say', async (_, processor, before, after) => {
  for (const flag of [true, false, undefined]) {
    const tokenizerConfig = { add_bos_token: flag, add_eos_token: flag, bos_token: '[CLS]', eos_token: '[SEP]' };
    const folder = await writeLlama(`special ${flag}`, { tokenizerConfig, processor });
    await using encoder = await CausalTextEncoder.load(folder);
    const tokenised = await encoder.tokenise(['abc'], { maxLength: 8 });
    expect([...tokenised.ids.subarray(0, tokenised.tokens)]).toEqual([...before, ...ids('abc'), ...after]);
  }
});

test('hidden states of padding are refused: there are none', async () => {
  await using encoder = await loadTextEncoder(await writeLlama('padding'));
  await expect(encoder.encode(PROMPTS, { ...zero, padding: 'encode' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('llama is decoder-only'),
  });
});

test('the first token in place of the prompt is refused: it sees itself alone', async () => {
  await using encoder = await loadTextEncoder(await writeLlama('cls'));
  await expect(encoder.encode(PROMPTS, { ...zero, pooling: 'cls' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^pooling: .*llama is decoder-only.*expected "mean" or "none", got "cls"/),
  });
});

test.each([0, 4, 1.5])('there is no layer %p', async (layer) => {
  await expect(loadTextEncoder(await writeLlama('none'), { layer })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('expected a whole number from 1 to 3'),
  });
});

test('an encoder of another kind has no layers to choose from', async () => {
  const bert = await writeModel(join(temporary(), 'bert'));
  for (const source of [bert, 'hash'])
    await expect(loadTextEncoder(source, { layer: 1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('parts of a model that are not supported are named', async () => {
  const folder = await writeLlama('gelu', { config: { hidden_act: 'gelu' } });
  await expect(loadTextEncoder(folder)).rejects.toMatchObject({
    code: 'UNSUPPORTED_ENCODER',
    message: expect.stringContaining('hidden_act "gelu"'),
  });
});

test('its tokens are counted without its weights', async () => {
  const counter = await loadTokenCounter(await writeLlama('counted'));
  expect(await counter.count('abc de')).toBe(5);
});
