import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBaseModel } from '../../src/adapter/index.js';
import { DndError } from '../../src/errors.js';
import { dequantise, quantise } from '../../src/formats/gguf/index.js';
import { type LanguageModel, loadLanguageModel } from '../../src/language/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { type GgufOptions, tensorOf, type Values, writeGgufOf } from './gguf-base.js';
import { TINY_CONFIG, type TinyBaseOptions, TOKENIZERS, writeTinyBase } from './tiny-base.js';

const folder = useTemporaryFolder();
const opened: LanguageModel[] = [];

afterEach(() => {
  for (const model of opened.splice(0)) model.dispose();
});

async function load(path: string): Promise<LanguageModel> {
  const model = await loadLanguageModel(path, { threads: 1 });
  opened.push(model);
  return model;
}

/** The same random model as a folder and as a GGUF file. */
async function both(
  config: object = {},
  gguf: GgufOptions = {},
  tokenizer: TinyBaseOptions['tokenizer'] = 'byte-level',
) {
  const base = await writeTinyBase(join(folder(), 'base'), { config, tokenizer });
  return { base, gguf: await writeGgufOf(base, join(folder(), 'base.gguf'), gguf) };
}

const IDS = Int32Array.from({ length: 24 }, (_, index) => (index * 37 + 5) % TINY_CONFIG.vocab_size);

async function logitsOf(model: LanguageModel): Promise<Float32Array> {
  return model.engine.logits({ ids: IDS, lengths: [IDS.length] });
}

describe('a base GGUF file is the model that it was converted from', () => {
  test.each([
    ['Llama', {}],
    ['Llama with biases and a head of its own', { attention_bias: true, mlp_bias: true, tie_word_embeddings: false }],
    ['Mistral', { model_type: 'mistral', sliding_window: null, rope_theta: 1e6 }],
    ['Qwen2', { model_type: 'qwen2' }],
    ['Qwen3, whose heads have a width of their own', { model_type: 'qwen3', head_dim: 16 }],
  ])('%s: logits and answers are the same', async (_, config) => {
    const paths = await both({ rms_norm_eps: 2 ** -16, ...config });
    const [expected, model] = [await load(paths.base), await load(paths.gguf)];
    expect(await logitsOf(model)).toEqual(await logitsOf(expected));
    const prompts = ['What did Tom find?', 'hello<|im_end|>', '12345 and 3.14'];
    expect(await model.generate(prompts, { maxNewTokens: 8 })).toEqual(
      await expected.generate(prompts, { maxNewTokens: 8, raw: true }),
    );
    expect({ ...(await readBaseModel(paths.gguf)), modelType: '' }).toEqual({
      ...(await readBaseModel(paths.base)),
      modelType: '',
    });
  });

  test('Llama 3, whose rotary frequencies are divided by factors', async () => {
    const rope_parameters = {
      rope_type: 'llama3',
      rope_theta: 10_000,
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    };
    const paths = await both({ rms_norm_eps: 2 ** -16, rope_parameters });
    const expected = await logitsOf(await load(paths.base));
    const logits = await logitsOf(await load(paths.gguf));
    const unscaled = await writeGgufOf(paths.base, join(folder(), 'plain.gguf'), {
      change: (tensors) => tensors.filter(({ name }) => name !== 'rope_freqs.weight'),
    });
    expect(furthest(logits, expected)).toBeLessThan(1e-4);
    expect(furthest(await logitsOf(await load(unscaled)), expected)).toBeGreaterThan(1e-2);
  });

  test('linear scaling of positions', async () => {
    const rope_parameters = { rope_type: 'linear', rope_theta: 10_000, factor: 4 };
    const metadata = { 'llama.rope.scaling.type': 'linear', 'llama.rope.scaling.factor': 4 };
    const paths = await both({ rms_norm_eps: 2 ** -16, rope_parameters }, { metadata });
    expect(await logitsOf(await load(paths.gguf))).toEqual(await logitsOf(await load(paths.base)));
  });

  test('quantised: every weight is the dequantised one, in its place', async () => {
    const paths = await both({ intermediate_size: 64 }, { type: 'Q8_0' });
    const [expected, model] = [await load(paths.base), await load(paths.gguf)];
    for (const { name, shape } of expected.engine.parameters) {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = expected.engine.readParameter(name, 0, count);
      const wanted = shape.length === 2 ? dequantise(quantise(values, 'Q8_0'), 'Q8_0') : values;
      expect([name, model.engine.readParameter(name, 0, count)]).toEqual([name, wanted]);
    }
  });
});

describe.each(['byte-level', 'byte-fallback'] as const)('a %s tokenizer in a GGUF file', (name) => {
  const expected = JSON.parse(readFileSync(join(TOKENIZERS, name, 'expected.json'), 'utf8'));
  // Where a text, or a part of it after a special token, starts with a space or not, this fixture is of another version of
  // transformers' own tokenizers than SentencePiece and llama.cpp, which always put a space there.
  const texts = (expected.texts as { text: string; ids: number[]; decoded: string }[]).filter(
    ({ text }) => name === 'byte-level' || !/^ |<\/?s>/.test(text),
  );

  test('gives the ids and texts that transformers gives for the original', async () => {
    const model = await load((await both({}, { metadata: { 'tokenizer.ggml.bos_token_id': 1 } }, name)).gguf);
    for (const { text, ids } of texts) expect([text, model.tokeniser.encode(text)]).toEqual([text, ids]);
    for (const { decoded, ids } of texts) expect(model.tokeniser.decode(ids)).toBe(decoded);
    expect(texts.length).toBeGreaterThan(4);
    expect(model.tokeniser.prefix).toEqual(name === 'byte-level' ? [] : [1]);
  });
});

test('the end tokens, the start token and the chat template are those of the file', async () => {
  const template = "{{ bos_token }}[{{ messages[0]['content'] }}]";
  const { gguf } = await both(
    {},
    {
      metadata: {
        'tokenizer.chat_template': template,
        'tokenizer.ggml.bos_token_id': 300,
        'tokenizer.ggml.eos_token_id': 302,
        'tokenizer.ggml.eot_token_id': 301,
        'tokenizer.ggml.add_bos_token': true,
      },
    },
  );
  const { chatTemplate, tokeniser, endTokens } = await load(gguf);
  expect(chatTemplate?.render([{ role: 'user', content: 'hi' }])).toBe('<|endoftext|>[hi]');
  expect(tokeniser.prefix).toEqual([300]);
  expect(endTokens).toEqual({ ids: [301, 302], trained: 302 });
});

test('tokens of a text are added tokens only where the file says so, and padding is no token', async () => {
  const { gguf } = await both();
  const { tokeniser } = await load(gguf);
  expect(tokeniser.encode('<|im_end|>')).toEqual([302]);
  expect(tokeniser.encode('[PAD350]').length).toBeGreaterThan(1);
  expect(tokeniser.decode([...tokeniser.encode('a dog'), 350])).toBe('a dog');
});

describe('a base GGUF file is refused', () => {
  const tokens = 'tokenizer.ggml.tokens';
  const types = 'tokenizer.ggml.token_type';
  test.each<[string, Record<string, Values | undefined>, string, string]>([
    ['another architecture', { 'general.architecture': 'gemma9' }, 'UNSUPPORTED_BASE', 'architecture "gemma9"'],
    ['no architecture', { 'general.architecture': undefined }, 'CORRUPT_FILE', 'general.architecture: is missing'],
    ['an adapter', { 'general.type': 'adapter' }, 'UNSUPPORTED_BASE', 'type "adapter"'],
    ['a part of a model', { 'split.count': 3 }, 'UNSUPPORTED_BASE', 'one of 3 parts'],
    ['a missing size', { 'llama.block_count': undefined }, 'CORRUPT_FILE', 'llama.block_count: is missing'],
    ['a size of zero', { 'llama.embedding_length': 0 }, 'CORRUPT_FILE', 'llama.embedding_length: is not valid'],
    ['a size that is a text', { 'llama.block_count': 'two' }, 'CORRUPT_FILE', 'llama.block_count: has the wrong type'],
    [
      'sizes that differ between layers',
      { 'llama.feed_forward_length': Int32Array.of(48, 32) },
      'UNSUPPORTED_BASE',
      'llama.feed_forward_length differs between layers',
    ],
    ['experts', { 'llama.expert_count': 8 }, 'UNSUPPORTED_BASE', 'llama.expert_count 8 is not supported'],
    ['an unknown setting', { 'llama.logit_scale': 0.5 }, 'UNSUPPORTED_BASE', '"llama.logit_scale" is not known'],
    ['part of a head rotated', { 'llama.rope.dimension_count': 4 }, 'UNSUPPORTED_BASE', 'rope.dimension_count 4'],
    ['other positions', { 'llama.rope.scaling.type': 'yarn' }, 'UNSUPPORTED_BASE', 'positions of type "yarn"'],
    ['another vocabulary size', { 'llama.vocab_size': 100 }, 'SHAPE_MISMATCH', 'token_embd.weight'],
    ['no tokenizer', { 'tokenizer.ggml.model': undefined }, 'CORRUPT_FILE', 'tokenizer.ggml.model: is missing'],
    ['another tokenizer', { 'tokenizer.ggml.model': 'rwkv' }, 'UNSUPPORTED_BASE', 'tokenizers of the kind "rwkv"'],
    ['an unknown pre-tokenizer', { 'tokenizer.ggml.pre': 'zeta' }, 'UNSUPPORTED_BASE', 'pre-tokenizer "zeta"'],
    ['no pre-tokenizer', { 'tokenizer.ggml.pre': undefined }, 'UNSUPPORTED_BASE', 'tokenizer.ggml.pre is missing'],
    ['no tokens', { [tokens]: undefined }, 'CORRUPT_FILE', `${tokens}: is missing`],
    ['too few tokens', { [tokens]: ['a', 'b'] }, 'SHAPE_MISMATCH', 'expected 384 tokens, got 2'],
    ['no token types', { [types]: undefined }, 'CORRUPT_FILE', `${types}: is missing`],
    [
      'token types of another length',
      { [types]: Int32Array.of(1) },
      'CORRUPT_FILE',
      'expected 384, one for each token',
    ],
    ['an unknown token type', { [types]: new Int32Array(384).fill(9) }, 'CORRUPT_FILE', 'token_type of token 0'],
    ['a token twice', { [tokens]: new Array(384).fill('a') }, 'CORRUPT_FILE', '"a" twice'],
    ['an end token beyond the vocabulary', { 'tokenizer.ggml.eos_token_id': 384 }, 'CORRUPT_FILE', 'an id below 384'],
    ['no merges', { 'tokenizer.ggml.merges': undefined }, 'CORRUPT_FILE', 'tokenizer.ggml.merges: is missing'],
    ['a merge of one token', { 'tokenizer.ggml.merges': ['ab'] }, 'CORRUPT_FILE', 'tokenizer.ggml.merges[0]'],
    ['no scores', { 'tokenizer.ggml.model': 'llama' }, 'CORRUPT_FILE', 'tokenizer.ggml.scores: is missing'],
    [
      'scores that are no numbers',
      { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.scores': new Float32Array(384).fill(Number.NaN) },
      'CORRUPT_FILE',
      'is NaN',
    ],
  ])('for %s', async (_, metadata, code, message) => {
    const { gguf } = await both({}, { metadata });
    await expect(load(gguf)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    await expect(load(gguf)).rejects.toMatchObject({ message: expect.stringContaining(gguf) });
  });

  const matrix = (name: string, columns: number, rows: number) =>
    tensorOf(name, [columns, rows], new Float32Array(columns * rows));
  test.each<[string, NonNullable<GgufOptions['change']>, string, string]>([
    [
      'a missing tensor',
      (tensors) => tensors.filter(({ name }) => name !== 'blk.1.ffn_norm.weight'),
      'INVALID_WEIGHTS',
      'lacks tensors of the model in its metadata: blk.1.ffn_norm.weight',
    ],
    [
      'a tensor of another shape',
      (tensors) => tensors.map((one) => (one.name === 'blk.0.attn_v.weight' ? matrix(one.name, 32, 32) : one)),
      'SHAPE_MISMATCH',
      'blk.0.attn_v.weight has the wrong shape; expected [16, 32] by its metadata, got [32, 32]',
    ],
    [
      'a tensor that the model has not',
      (tensors) => [...tensors, tensorOf('blk.0.attn_q_norm.weight', [8], new Float32Array(8))],
      'UNSUPPORTED_BASE',
      'no tensor "blk.0.attn_q_norm.weight"',
    ],
    [
      'a tensor of a layer that the model has not',
      (tensors) => [...tensors, matrix('blk.7.attn_q.weight', 32, 32)],
      'UNSUPPORTED_BASE',
      'no tensor "blk.7.attn_q.weight"',
    ],
    [
      'an unknown tensor',
      (tensors) => [...tensors, matrix('blk.0.ffn_gate_exps.weight', 32, 32)],
      'UNSUPPORTED_BASE',
      '"blk.0.ffn_gate_exps.weight" is not known',
    ],
    [
      'a type without values',
      (tensors) => [...tensors.slice(1), { ...tensors[0]!, type: 'I32' }],
      'UNSUPPORTED_BASE',
      'is of the type I32, which is not supported; expected F32, F16, Q4_0',
    ],
    [
      'rotary factors of another length',
      (tensors) => [...tensors, tensorOf('rope_freqs.weight', [8], new Float32Array(8).fill(1))],
      'SHAPE_MISMATCH',
      'rope_freqs.weight has the wrong shape; expected [4], got [8]',
    ],
    [
      'a rotary factor of zero',
      (tensors) => [...tensors, tensorOf('rope_freqs.weight', [4], new Float32Array(4))],
      'INVALID_WEIGHTS',
      'rope_freqs.weight is not valid',
    ],
    [
      'a weight that is NaN',
      (tensors) =>
        tensors.map((one) =>
          one.name === 'output_norm.weight' ? tensorOf(one.name, [32], new Float32Array(32).fill(Number.NaN)) : one,
        ),
      'INVALID_WEIGHTS',
      'NaN',
    ],
  ])('for %s', async (_, change, code, message) => {
    const { gguf } = await both({}, { change });
    await expect(load(gguf)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

test('a damaged file is a model, or an error of ours', async () => {
  const { gguf } = await both();
  const bytes = await readFile(gguf);
  const random = SplitMix64.seeded(14);
  let refused = 0;
  for (let trial = 0; trial < 150; trial++) {
    const damaged = Buffer.from(bytes);
    // The header, in which everything but the weights is.
    for (let flips = 1 + random.below(3); flips > 0; flips--) damaged[random.below(12_000)]! ^= 1 << random.below(8);
    const cut = trial % 10 === 0 ? random.below(damaged.length) : damaged.length;
    await writeFile(gguf, damaged.subarray(0, cut));
    try {
      (await loadLanguageModel(gguf, { threads: 1 })).dispose();
    } catch (error) {
      if (!(error instanceof DndError)) throw new Error(`trial ${trial}`, { cause: error });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
});

function furthest(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, value, index) => Math.max(most, Math.abs(value - other[index]!)), 0);
}
