import { join } from 'node:path';
import { AdapterLayout, type BaseModel, LoraAdapter } from '../../src/adapter/index.js';
import { encodeExample, type LanguageModel, loadLanguageModel, scoresOf } from '../../src/language/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { TINY_CONFIG, type TinyBaseOptions, writeTinyBase } from './tiny-base.js';

const folder = useTemporaryFolder();
const opened: LanguageModel[] = [];

afterEach(() => {
  for (const model of opened.splice(0)) model.dispose();
});

async function load(options: TinyBaseOptions = {}): Promise<LanguageModel> {
  const model = await loadLanguageModel(await writeTinyBase(join(folder(), 'base'), options), { threads: 1 });
  opened.push(model);
  return model;
}

/** A LoRA adapter of random numbers, large enough to change every answer. */
function randomAdapter(base: BaseModel, seed: number, { rank = 2, modules = ['q_proj', 'down_proj'], alpha = 4 } = {}) {
  const layout = new AdapterLayout({ base, rank, modules });
  const random = SplitMix64.seeded(seed);
  const values = Float32Array.from({ length: layout.elementCount }, () => random.below(2001) / 1000 - 1);
  return LoraAdapter.fromValues(layout, values, { alpha });
}

const PROMPTS = ['What did Tom find?', 'Tom', 'A much longer question about a girl named Lily?', 'dog'];
const BRIEF = { maxNewTokens: 8 };

test('an answer does not depend on the other prompts, nor on their adapters', async () => {
  const model = await load();
  const one = randomAdapter(model.base, 1);
  const other = randomAdapter(model.base, 2);
  const wider = randomAdapter(model.base, 3, { rank: 3, modules: ['v_proj'] });
  const adapters = [one, null, wider, other];
  const together = await model.generate(PROMPTS, { ...BRIEF, adapters });
  const apart = [];
  for (const [index, prompt] of PROMPTS.entries())
    apart.push(...(await model.generate([prompt], { ...BRIEF, adapters: adapters[index] })));
  expect(together).toEqual(apart);
  expect(new Set(await model.generate(['Tom', 'Tom', 'Tom'], { ...BRIEF, adapters: [one, null, other] })).size).toBe(3);
});

test('answers are judged as if all of them were generated, and some are not', async () => {
  const model = await load();
  const adapters = [null, ...[1, 2, 3].map((seed) => randomAdapter(model.base, seed))];
  const generate = jest.spyOn(model, 'generate');
  let generated = 0;
  const judged: boolean[] = [];
  for (const adapter of adapters) {
    const answers = await model.generate(PROMPTS, { ...BRIEF, adapters: adapter });
    const begun = await model.generate(PROMPTS, { maxNewTokens: 3, adapters: adapter });
    const items = PROMPTS.flatMap((prompt, index) => {
      const [answer, start] = [answers[index]!, begun[index]!];
      const responses = [answer, start, `${start} `, `${answer} dog`, 'a red ball', `${start.slice(0, -1)}Z`];
      return responses.filter((response) => response.trim() !== '').map((response) => ({ prompt, response, answer }));
    });
    for (const { answer, ...item } of items) {
      generate.mockClear();
      const [score] = await scoresOf(model, [{ task: { test: [item] }, adapter }], BRIEF);
      expect(score!.exactMatch).toBe(Number(answer.trim() === item.response.trim()));
      judged.push(score!.exactMatch === 1);
      generated += generate.mock.calls.length;
    }
  }
  expect(new Set(judged)).toEqual(new Set([true, false]));
  expect(generated).toBeGreaterThan(0);
  expect(generated).toBeLessThan(judged.length);
});

test('drawn answers repeat with their seed, and differ with another', async () => {
  const model = await load();
  const draw = (seed: number, count = 4) => model.generate(PROMPTS.slice(0, count), { ...BRIEF, temperature: 1, seed });
  expect(await draw(5)).toEqual(await draw(5));
  expect(await draw(5)).not.toEqual(await draw(6));
  expect(await draw(5, 2)).toEqual((await draw(5)).slice(0, 2));
  expect(await model.generate(PROMPTS, { ...BRIEF, temperature: 1, topK: 1, seed: 5 })).toEqual(
    await model.generate(PROMPTS, BRIEF),
  );
});

test('the likelihood of an answer is that of its tokens and the end token', async () => {
  const model = await load();
  const adapter = randomAdapter(model.base, 1);
  const item = { prompt: 'What did Tom find?', response: 'a red ball' };
  const [[plain], [adapted]] = await Promise.all([
    model.logLikelihood([item]),
    model.logLikelihood([item], { adapters: adapter }),
  ]);
  const { ids, labels, labelled } = encodeExample(model, item);
  expect(plain!.tokens).toBe(labelled);
  expect(labels.filter((label) => label !== -100)).toEqual(ids.slice(-labelled));
  expect(ids.at(-1)).toBe(model.tokeniser.idOf('<|im_end|>'));
  expect(model.tokeniser.decode([...ids.slice(-labelled)])).toBe('a red ball');
  const logits = await model.engine.logits({ ids, lengths: [ids.length] });
  const vocabulary = logits.length / ids.length;
  let expected = 0;
  for (let place = ids.length - labelled; place < ids.length; place++) {
    const row = logits.subarray((place - 1) * vocabulary, place * vocabulary);
    const largest = Math.max(...row);
    const total = row.reduce((sum, value) => sum + Math.exp(value - largest), 0);
    expected += row[ids[place]!]! - largest - Math.log(total);
  }
  expect(plain!.sum).toBeCloseTo(expected, 4);
  expect(adapted!.sum).not.toBeCloseTo(expected, 1);
});

test('prompts are put into the chat template, unless they are raw', async () => {
  const model = await load({ tokenizer: 'byte-fallback' });
  const templated = encodeExample(model, { prompt: 'Tom', response: 'x' });
  const raw = encodeExample(model, { prompt: 'Tom', response: 'x', raw: true });
  const text = (ids: Int32Array) => model.tokeniser.decode([...ids]);
  expect(text(templated.ids)).toBe('[INST] Tom [/INST] x');
  expect(text(raw.ids)).toBe('Tom x');
  expect([templated.ids[0], raw.ids[0]]).toEqual([1, 1]);
});

test('a model without a chat template continues prompts as they are', async () => {
  const config = { eos_token: '<|im_end|>' };
  const model = await load({ files: { 'tokenizer_config.json': config } });
  const { ids } = encodeExample(model, { prompt: 'Tom', response: 'x' });
  expect(model.tokeniser.decode([...ids])).toBe('Tomx');
  await expect(model.generate(['Tom'], { system: 'be brief' })).rejects.toThrow(
    'there is no place for a system prompt:',
  );
});

test('generation ends at the tokens of generation_config.json and the eos_token', async () => {
  const model = await load({ files: { 'generation_config.json': { eos_token_id: [7, 9] } } });
  expect(model.endTokens).toEqual({ ids: [7, 9, model.tokeniser.idOf('<|im_end|>')], trained: expect.any(Number) });
  await expect(load({ files: { 'generation_config.json': { eos_token_id: 999 } } })).rejects.toThrow(
    'eos_token_id is not valid; expected whole numbers from 0 to 383, got 999',
  );
});

test('alphas of single modules are applied', async () => {
  const model = await load();
  const plain = randomAdapter(model.base, 4, { alpha: 4 });
  const patterned = new LoraAdapter({ ...plain.config, alphaPattern: { down_proj: 8 } }, plain.tensors);
  const doubled = new Map(
    Array.from(plain.tensors, ([name, tensor]) => {
      const twice = name.includes('down_proj.lora_B');
      return [name, twice ? { ...tensor, data: tensor.data.map((value) => 2 * value) } : tensor] as const;
    }),
  );
  const items = [{ prompt: 'Tom', response: 'a dog' }];
  const [expected] = await model.logLikelihood(items, { adapters: new LoraAdapter(plain.config, doubled) });
  const [found] = await model.logLikelihood(items, { adapters: patterned });
  expect(found!.sum).toBeCloseTo(expected!.sum, 4);
});

describe('bad input', () => {
  test('a folder that is no language model', async () => {
    await expect(loadLanguageModel(join(folder(), 'nowhere'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(load({ files: { 'tokenizer.json': '[]' } })).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  });

  test('a base with a part that is not supported', async () => {
    await expect(load({ config: { hidden_act: 'gelu' } })).rejects.toMatchObject({
      code: 'UNSUPPORTED_BASE',
      message: expect.stringContaining('hidden_act "gelu" is not supported'),
    });
  });

  test('weights that do not belong to the config', async () => {
    const changed = { ...TINY_CONFIG, intermediate_size: 64 };
    await expect(load({ files: { 'config.json': changed } })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    const deeper = { ...TINY_CONFIG, num_hidden_layers: 3 };
    await expect(load({ files: { 'config.json': deeper } })).rejects.toThrow(
      /lacks tensors of the model in config\.json/,
    );
  });

  test('a prompt that fills the context', async () => {
    const model = await load();
    await expect(model.generate(['Tom', 'word '.repeat(200)])).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(/^prompt 2 is too long; expected at most 95 tokens, .* got \d+/),
    });
    const long = { prompt: 'Tom', response: 'word '.repeat(60) };
    await expect(model.logLikelihood([long])).rejects.toThrow(/^item 1 is too long with its response/);
  });

  test('an adapter of another base', async () => {
    const model = await load();
    const wider = randomAdapter({ ...model.base, intermediate: 64 }, 1);
    await expect(model.generate(['Tom'], { adapters: wider })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(
        /does not belong to the base .*down_proj\.lora_A\.weight has the wrong shape; expected \[2, 48\], got \[2, 64\]/,
      ),
    });
    const deeper = randomAdapter({ ...model.base, layers: 3 }, 1);
    await expect(model.generate(['Tom'], { adapters: deeper })).rejects.toThrow(
      /layers\.2\..* of a layer that the base does not have/,
    );
    const fused = randomAdapter({ ...model.base, modelType: 'phi3' }, 1, { modules: ['qkv_proj'] });
    await expect(model.generate(['Tom'], { adapters: fused })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(/it adapts qkv_proj, a module that bases of type \w+ do not have/),
    });
    await expect(model.generate(['Tom'], { adapters: [null, null] })).rejects.toThrow(
      'there are 2 adapters for 1 prompts',
    );
  });

  test('options out of range', async () => {
    const model = await load();
    for (const options of [{ temperature: -1 }, { topP: 0 }, { topK: 1.5 }, { maxNewTokens: 0 }, { seed: -1 }])
      await expect(model.generate(['Tom'], options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(model.generate('Tom' as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('a model that has been disposed', async () => {
    const model = await load();
    model.dispose();
    expect(model.disposed).toBe(true);
    await expect(model.generate(['Tom'])).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('an abort', async () => {
    const model = await load();
    const reason = new Error('stop');
    await expect(model.generate(['Tom'], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
