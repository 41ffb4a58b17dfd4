import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { type GgufBase, ggufBaseOf, readGgufAdapter, writeGgufAdapter } from '../../../src/adapter/gguf/index.js';
import { baseModelFromConfig, LoraAdapter, mergeDelta, readPeft, tensorName } from '../../../src/adapter/index.js';
import { dequantise, GgufFile } from '../../../src/formats/gguf/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { FIXTURES } from '../bases.js';
import { adapter, MODULE_SHAPES, tinyBase } from './adapters.js';

const folder = useTemporaryFolder();
const path = () => join(folder(), 'adapter.gguf');

/** What the file holds of one tensor, as numbers. */
async function values(name: string): Promise<number[]> {
  const file = await GgufFile.open(path());
  const bytes = await file.read(name);
  const { type } = file.tensors.get(name)!;
  await file.close();
  return [...dequantise(bytes, type as 'F32')];
}

async function metadata(): Promise<Record<string, unknown>> {
  const file = await GgufFile.open(path());
  await file.close();
  return Object.fromEntries(file.metadata);
}

test('is, byte by byte, the file that llama.cpp was proven to apply as PEFT does', async () => {
  const sizes = { hidden_size: 32, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 60 };
  const config = { model_type: 'llama', num_hidden_layers: 3, ...sizes };
  const base = ggufBaseOf(baseModelFromConfig(config, 'tiny'), 'tiny');
  const peft = await readPeft(join(FIXTURES, 'gguf', 'tiny_llama_peft'));
  const summary = await writeGgufAdapter(path(), peft, { base });
  expect(summary).toMatchObject({ architecture: 'llama', types: { F32: 42 } });
  expect(Buffer.compare(await readFile(path()), await readFile(join(FIXTURES, 'gguf', 'tiny_llama.gguf')))).toBe(0);
});

test('metadata has the types that llama.cpp reads, and names the base model', async () => {
  await writeGgufAdapter(path(), adapter({ config: { baseModelName: 'Qwen/tiny' } }), { base: tinyBase('qwen2') });
  expect(await metadata()).toEqual({
    'general.architecture': { type: 'string', value: 'qwen2' },
    'general.type': { type: 'string', value: 'adapter' },
    'adapter.type': { type: 'string', value: 'lora' },
    'adapter.lora.alpha': { type: 'float32', value: 8 },
    'general.base_model.count': { type: 'uint32', value: 1 },
    'general.base_model.0.name': { type: 'string', value: 'Qwen/tiny' },
  });
});

test.each([
  ['llama', 'llama', true],
  ['mistral', 'llama', true],
  ['granite', 'granite', true],
  ['smollm3', 'smollm3', true],
  ['qwen2', 'qwen2', false],
  ['qwen3', 'qwen3', false],
  ['gemma', 'gemma', false],
  ['gemma2', 'gemma2', false],
  ['gemma3_text', 'gemma3', false],
  ['olmo2', 'olmo2', false],
])('%s is %s; the rows of q and k are in pairs: %s', async (modelType, architecture, paired) => {
  const made = adapter({ rankOf: () => 1, config: { rank: 1 } });
  for (const { data } of made.tensors.values()) for (let i = 0; i < data.length; i++) data[i] = i;
  await writeGgufAdapter(path(), made, { base: tinyBase(modelType) });
  expect(await metadata()).toMatchObject({ 'general.architecture': { value: architecture } });
  const inOrder = (count: number) => Array.from({ length: count }, (_, i) => i);
  // Heads of eight rows: 0 and 4 are a rotary pair.
  const head = paired ? [0, 4, 1, 5, 2, 6, 3, 7] : inOrder(8);
  const heads = (count: number) => inOrder(count).flatMap((index) => head.map((row) => 8 * index + row));
  expect(await values('blk.1.attn_q.weight.lora_b')).toEqual(heads(4));
  expect(await values('blk.1.attn_k.weight.lora_b')).toEqual(heads(2));
  expect(await values('blk.1.attn_v.weight.lora_b')).toEqual(inOrder(16));
  expect(await values('blk.1.attn_q.weight.lora_a')).toEqual(inOrder(24));
});

test('rsLoRA is folded into alpha, and alphas of single modules into B', async () => {
  const made = adapter({ config: { useRslora: true, alphaPattern: { q_proj: 24 } } });
  const summary = await writeGgufAdapter(path(), made, { base: tinyBase('qwen2') });
  expect(summary.alpha).toBe(16);
  const b = [...made.tensors.get(tensorName('model.layers.0.self_attn.q_proj', 'B'))!.data];
  expect(await values('blk.0.attn_q.weight.lora_b')).toEqual(b.map((value) => Math.fround(3 * value)));
  const other = [...made.tensors.get(tensorName('model.layers.0.mlp.up_proj', 'B'))!.data];
  expect(await values('blk.0.ffn_up.weight.lora_b')).toEqual(other);
});

/** The largest difference of ΔW between two adapters, over the largest element. */
async function difference(one: LoraAdapter, other: LoraAdapter): Promise<number> {
  let [most, largest] = [0, 0];
  expect(other.moduleNames().sort()).toEqual(one.moduleNames().sort());
  for (const module of one.moduleNames()) {
    const [expected, got] = [await mergeDelta(one, module), await mergeDelta(other, module)];
    for (let i = 0; i < expected.length; i++) {
      most = Math.max(most, Math.abs(expected[i]! - got[i]!));
      largest = Math.max(largest, Math.abs(expected[i]!));
    }
  }
  return most / largest;
}

test('any adapter changes the weights by the same after being written and read', async () => {
  const modules = fc.shuffledSubarray(Object.keys(MODULE_SHAPES), { minLength: 1 });
  const arbitrary = fc.record({
    modelType: fc.constantFrom('llama', 'qwen2'),
    modules,
    layers: fc.shuffledSubarray([0, 1], { minLength: 1 }),
    useRslora: fc.boolean(),
    alpha: fc.double({ min: 0.01, max: 100, noNaN: true }),
    queryRank: fc.integer({ min: 1, max: 6 }),
    keyAlpha: fc.integer({ min: 1, max: 50 }),
    seed: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(arbitrary, async ({ modelType, queryRank, keyAlpha, alpha, useRslora, ...parts }) => {
      const config = { alpha, useRslora, alphaPattern: { k_proj: keyAlpha }, rankPattern: { q_proj: queryRank } };
      const made = adapter({ ...parts, config, rankOf: (module) => (module.endsWith('q_proj') ? queryRank : 4) });
      const base = tinyBase(modelType);
      await writeGgufAdapter(path(), made, { base, force: true });
      const back = await readGgufAdapter(path(), { base });
      expect(back.config.useRslora).toBe(false);
      expect(await difference(made, back)).toBeLessThan(1e-6);
    }),
    { numRuns: 40 },
  );
});

test.each([
  ['f16', { F16: 28 }, 1e-3],
  ['bf16', { BF16: 28 }, 1e-2],
  ['q8_0', { F16: 26, Q8_0: 2 }, 1e-2],
  ['q4_0', { F16: 26, Q4_0: 2 }, 1e-1],
] as const)('%s is written, with f16 for rows that it cannot hold', async (dtype, types, tolerance) => {
  const base = tinyBase('llama');
  // Only the inputs of o_proj are made of whole blocks of 32.
  const made = adapter();
  expect((await writeGgufAdapter(path(), made, { base, dtype })).types).toEqual(types);
  const error = await difference(made, await readGgufAdapter(path(), { base }));
  expect(error).toBeLessThan(tolerance);
  expect(error).toBeGreaterThan(0);
});

function withWeight(value: number): LoraAdapter {
  const made = adapter({ modules: ['self_attn.o_proj'], layers: [0] });
  made.tensors.get(tensorName('model.layers.0.self_attn.o_proj', 'A'))!.data[33] = value;
  return made;
}

test.each([
  [Number.NaN, 'f32', /lora_A\.weight holds NaN at \[1, 1\]/],
  [Number.POSITIVE_INFINITY, 'q4_0', /holds Infinity at \[1, 1\]/],
  [70_000, 'f16', /beyond 65504, the largest of F16/],
  [1e9, 'q8_0', /beyond 8\.3e6, the largest of Q8_0/],
  [-1e6, 'q4_0', /beyond 5\.2e5, the largest of Q4_0/],
] as const)('%s is refused in %s, and nothing is left behind', async (value, dtype, message) => {
  await expect(writeGgufAdapter(path(), withWeight(value), { base: tinyBase('llama'), dtype })).rejects.toMatchObject({
    code: 'INVALID_WEIGHTS',
    message: expect.stringMatching(message),
  });
  expect(await readdir(folder())).toEqual([]);
});

const renamed = (name: string) => {
  const data = new Float32Array(96);
  return new LoraAdapter(
    { rank: 4, alpha: 8, useRslora: false, targetModules: ['x'], baseModelName: null },
    new Map([
      [tensorName(name, 'A'), { shape: [4, 24], data }],
      [tensorName(name, 'B'), { shape: [24, 4], data }],
    ]),
  );
};
const shaped = (config: object) => adapter({ config });

test.each<[string, LoraAdapter, GgufBase | undefined, string, RegExp]>([
  ['alpha 0', shaped({ alpha: 0 }), tinyBase('qwen2'), 'INVALID_ARGUMENT', /alpha/],
  ['alpha NaN', shaped({ alpha: Number.NaN }), tinyBase('qwen2'), 'INVALID_ARGUMENT', /alpha/],
  ['an alpha beyond float32', shaped({ alpha: 1e39 }), tinyBase('qwen2'), 'INVALID_ARGUMENT', /Infinity as float32/],
  ['an alpha below float32', shaped({ alpha: 1e-50 }), tinyBase('qwen2'), 'INVALID_ARGUMENT', /0 as float32/],
  [
    'no tensors',
    adapter({ modules: [], config: { targetModules: ['x'] } }),
    tinyBase('qwen2'),
    'INVALID_WEIGHTS',
    /no tensors/,
  ],
  ['no base model', adapter(), undefined, 'INVALID_ARGUMENT', /Give the config\.json.*--base/],
  [
    'another base model',
    adapter({ layers: [2] }),
    tinyBase('qwen2'),
    'SHAPE_MISMATCH',
    /blk\.2\.attn_q\.weight, which .*tiny/,
  ],
  [
    'other widths',
    renamed('model.layers.0.mlp.up_proj'),
    tinyBase('qwen2'),
    'SHAPE_MISMATCH',
    /expected 24 inputs and 40 outputs, got 24 and 24/,
  ],
  ['LoRA on lm_head', renamed('lm_head'), tinyBase('qwen2'), 'UNSUPPORTED_FORMAT', /adapts lm_head/],
  [
    'a vision tower',
    renamed('vision_tower.encoder.layers.0.self_attn.q_proj'),
    tinyBase('qwen2'),
    'UNSUPPORTED_FORMAT',
    /vision_tower/,
  ],
  ['an unknown module', renamed('model.layers.0.self_attn.z_proj'), tinyBase('qwen2'), 'UNSUPPORTED_FORMAT', /z_proj/],
])('%s is refused', async (_what, made, base, code, message) => {
  await expect(writeGgufAdapter(path(), made, { base })).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
  expect(await readdir(folder())).toEqual([]);
});

test('base models without GGUF adapters are refused by their type', () => {
  expect(() => tinyBase('rwkv')).toThrow(/base models of type "rwkv" are not supported/);
});

test('an existing file is only replaced by force', async () => {
  await writeFile(path(), 'old');
  const options = { base: tinyBase('qwen2') };
  await expect(writeGgufAdapter(path(), adapter(), options)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  expect(await readFile(path(), 'utf8')).toBe('old');
  await writeGgufAdapter(path(), adapter(), { ...options, force: true });
  expect((await readFile(path())).toString('latin1', 0, 4)).toBe('GGUF');
});

test('an unknown dtype and a wrong signal are refused', async () => {
  const base = tinyBase('qwen2');
  await expect(writeGgufAdapter(path(), adapter(), { base, dtype: 'q5_0' as 'f16' })).rejects.toThrow(/"q5_0"/);
  await expect(writeGgufAdapter(path(), adapter(), { base, signal: 3 as never })).rejects.toThrow(/signal/);
});
