import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufAdapter, writeGgufAdapter } from '../../../src/adapter/gguf/index.js';
import { LoraAdapter, readPeft, tensorName, writePeft } from '../../../src/adapter/index.js';
import { type GgmlType, type GgufValue, ggmlBytes, writeGguf } from '../../../src/formats/gguf/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { FIXTURES } from '../bases.js';
import { adapter, tinyBase } from './adapters.js';

const folder = useTemporaryFolder();
const path = () => join(folder(), 'adapter.gguf');

const text = (value: string): GgufValue => ({ type: 'string', value });
const METADATA: [string, GgufValue][] = [
  ['general.architecture', text('qwen2')],
  ['general.type', text('adapter')],
  ['adapter.type', text('lora')],
  ['adapter.lora.alpha', { type: 'float32', value: 8 }],
];

type Tensors = readonly (readonly [name: string, shape: readonly number[], type?: GgmlType, bytes?: Uint8Array])[];

/** Writes any adapter file; `changes` replace metadata, undefined removes it. */
async function write(tensors: Tensors, changes: Record<string, GgufValue | undefined> = {}): Promise<void> {
  const metadata = new Map<string, GgufValue>(METADATA);
  for (const [key, value] of Object.entries(changes)) {
    if (value) metadata.set(key, value);
    else metadata.delete(key);
  }
  const sources = tensors.map(([name, shape, type = 'F32', bytes]) => ({
    name,
    shape,
    type,
    bytes: () => [bytes ?? new Uint8Array(ggmlBytes(type, shape)!)],
  }));
  await writeGguf(path(), metadata, sources);
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const Q = 'blk.0.attn_q.weight';
const PAIR: Tensors = [
  [`${Q}.lora_a`, [24, 4]],
  [`${Q}.lora_b`, [4, 32]],
];

test('a Llama adapter is read with the order of rows of transformers', async () => {
  const peft = await readPeft(join(FIXTURES, 'gguf', 'tiny_llama_peft'));
  const sizes = { hidden: 32, heads: 4, kvHeads: 2, intermediate: 60, layers: 3 };
  const base = { ...tinyBase('llama'), ...sizes, weightShape: () => undefined };
  await expect(readGgufAdapter(join(FIXTURES, 'gguf', 'tiny_llama.gguf'), { base })).rejects.toThrow(/does not have/);
  const fitting = { ...base, weightShape: (_layer: number, weight: string) => shapes[weight]! };
  const shapes: Record<string, [number, number]> = {
    attn_q: [32, 32],
    attn_k: [32, 16],
    attn_v: [32, 16],
    attn_output: [32, 32],
    ffn_up: [32, 60],
    ffn_gate: [32, 60],
    ffn_down: [60, 32],
  };
  const back = await readGgufAdapter(join(FIXTURES, 'gguf', 'tiny_llama.gguf'), { base: fitting });
  expect([...back.tensors.keys()]).toEqual([...peft.tensors.keys()]);
  for (const [name, { shape, data }] of peft.tensors) {
    expect(back.tensors.get(name)!.shape).toEqual(shape);
    expect([...back.tensors.get(name)!.data]).toEqual([...data]);
  }
  expect(back.config).toMatchObject({ rank: 3, useRslora: false, baseModelName: 'tiny/base' });
  expect(back.config.alpha).toBeCloseTo(6 * Math.sqrt(3), 5);
});

test('PEFT settings select the adapted modules and no others', async () => {
  const base = tinyBase('qwen2');
  const targets = async (parts: Parameters<typeof adapter>[0]) => {
    await writeGgufAdapter(path(), adapter(parts), { base, force: true });
    const { targetModules, layersToTransform } = (await readGgufAdapter(path(), { base })).config;
    return [targetModules, layersToTransform];
  };
  expect(await targets({ modules: ['self_attn.v_proj', 'self_attn.q_proj'] })).toEqual([
    ['q_proj', 'v_proj'],
    undefined,
  ]);
  expect(await targets({ modules: ['mlp.up_proj'], layers: [1] })).toEqual([['up_proj'], [1]]);
  const uneven = adapter({ modules: ['mlp.up_proj'] });
  const more = adapter({ modules: ['self_attn.q_proj'], layers: [1] });
  const both = new LoraAdapter(uneven.config, new Map([...uneven.tensors, ...more.tensors]));
  await writeGgufAdapter(path(), both, { base, force: true });
  expect((await readGgufAdapter(path(), { base })).config.targetModules).toEqual([
    'model.layers.0.mlp.up_proj',
    'model.layers.1.mlp.up_proj',
    'model.layers.1.self_attn.q_proj',
  ]);
});

test('ranks that differ become a rank pattern that PEFT folders keep', async () => {
  const base = tinyBase('qwen2');
  const made = adapter({ rankOf: (module) => (module === 'model.layers.1.self_attn.q_proj' ? 8 : 4) });
  await writeGgufAdapter(path(), made, { base });
  const back = await readGgufAdapter(path(), { base });
  expect(back.config).toMatchObject({ rank: 4, rankPattern: { 'model.layers.1.self_attn.q_proj': 8 } });
  await writePeft(join(folder(), 'peft'), back, { dtype: 'F32' });
  expect((await readPeft(join(folder(), 'peft'))).pair('model.layers.1.self_attn.q_proj').rank).toBe(8);
});

test('a negative alpha, which llama.cpp applies, turns the sign of B', async () => {
  await write(
    [
      [`${Q}.lora_a`, [2, 1], 'F32', floats(1, 2)],
      [`${Q}.lora_b`, [1, 2], 'F32', floats(3, -4)],
    ],
    { 'adapter.lora.alpha': { type: 'float32', value: -0.1 } },
  );
  const { config, tensors } = await readGgufAdapter(path());
  expect(config.alpha).toBe(0.1);
  expect([...tensors.get(tensorName('model.layers.0.self_attn.q_proj', 'B'))!.data]).toEqual([-3, 4]);
});

test('axes of one element may be there or not, and norms are left out with a notice', async () => {
  await write([
    [`${Q}.lora_a`, [24]],
    [`${Q}.lora_b`, [1, 32, 1]],
    ['blk.0.attn_norm.weight', [24]],
  ]);
  const notices: string[] = [];
  const { tensors } = await readGgufAdapter(path(), {
    base: tinyBase('qwen2'),
    onNotice: (notice) => notices.push(notice),
  });
  expect(Array.from(tensors.values(), ({ shape }) => shape)).toEqual([
    [1, 24],
    [32, 1],
  ]);
  expect(notices).toEqual([expect.stringContaining('blk.0.attn_norm.weight is left out')]);
});

test('the base model is known by its page or its name', async () => {
  const page = text('https://models.example/Qwen/Qwen2.5-0.5B');
  await write(PAIR, { 'general.base_model.0.name': text('Qwen2.5 0.5B'), 'general.base_model.0.repo_url': page });
  expect((await readGgufAdapter(path())).config.baseModelName).toBe('Qwen/Qwen2.5-0.5B');
  await write(PAIR, { 'general.base_model.0.name': text('mine') });
  expect((await readGgufAdapter(path())).config.baseModelName).toBe('mine');
});

/** With or without a base model. */
async function expectRefusal(code: string, message: RegExp): Promise<void> {
  for (const base of [undefined, tinyBase('qwen2')])
    await expect(readGgufAdapter(path(), { base })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
}

test.each<[string, string, RegExp, Record<string, GgufValue | undefined>]>([
  ['a model', 'UNSUPPORTED_FORMAT', /general\.type "model"/, { 'general.type': text('model') }],
  ['a file of no type', 'UNSUPPORTED_FORMAT', /no general\.type/, { 'general.type': undefined }],
  [
    'a type that is a number',
    'CORRUPT_FILE',
    /expected string, got uint32/,

    { 'general.type': { type: 'uint32', value: 1 } },
  ],
  ['another kind of adapter', 'UNSUPPORTED_FORMAT', /adapter\.type "ia3"/, { 'adapter.type': text('ia3') }],
  ['no architecture', 'CORRUPT_FILE', /no general\.architecture/, { 'general.architecture': undefined }],
  ['an unknown architecture', 'UNSUPPORTED_BASE', /"rwkv7"/, { 'general.architecture': text('rwkv7') }],
  ['no alpha', 'CORRUPT_FILE', /alpha: is missing/, { 'adapter.lora.alpha': undefined }],
  ['alpha 0', 'CORRUPT_FILE', /not zero, got 0/, { 'adapter.lora.alpha': { type: 'float32', value: 0 } }],
  ['alpha NaN', 'CORRUPT_FILE', /got NaN/, { 'adapter.lora.alpha': { type: 'float32', value: Number.NaN } }],
  [
    'alpha of another type',
    'CORRUPT_FILE',
    /got float64/,

    { 'adapter.lora.alpha': { type: 'float64', value: 8 } },
  ],
])('%s is refused for its metadata', async (_what, code, message, changes) => {
  await write(PAIR, changes);
  await expectRefusal(code, message);
});

test.each<[string, string, RegExp, Tensors]>([
  ['no matrices', 'INVALID_WEIGHTS', /no LoRA matrices/, []],
  ['half a pair', 'CORRUPT_FILE', /lora_a but not the other half/, [PAIR[0]!]],
  ['ranks that differ', 'SHAPE_MISMATCH', /rank 4 and lora_b of rank 3/, [PAIR[0]!, [`${Q}.lora_b`, [3, 32]]]],
  ['three axes', 'SHAPE_MISMATCH', /not a matrix/, [PAIR[0]!, [`${Q}.lora_b`, [4, 32, 2]]]],
  ['double precision', 'UNSUPPORTED_FORMAT', /is F64/, [PAIR[0]!, [`${Q}.lora_b`, [4, 32], 'F64']]],
  ['integers', 'UNSUPPORTED_FORMAT', /is I32/, [[`${Q}.lora_a`, [24, 4], 'I32'], PAIR[1]!]],
  [
    'NaN',
    'INVALID_WEIGHTS',
    /holds NaN as its element 1/,
    [[`${Q}.lora_a`, [24, 4], 'F32', floats(1, Number.NaN, ...new Array(94).fill(0))], PAIR[1]!],
  ],
  ['embeddings', 'UNSUPPORTED_FORMAT', /LoRA on embeddings/, [...PAIR, ['token_embd.weight.lora_a', [24, 4]]]],
  ['lm_head', 'UNSUPPORTED_FORMAT', /LoRA on lm_head/, [...PAIR, ['output.weight.lora_a', [24, 4]]]],
  ['a bias', 'UNSUPPORTED_FORMAT', /a trained bias/, [...PAIR, ['blk.0.attn_q.bias', [32]]]],
  [
    'an unknown tensor',
    'UNSUPPORTED_FORMAT',
    /"blk\.0\.attn_o\.weight\.lora_a" is not/,
    [['blk.0.attn_o.weight.lora_a', [24, 4]]],
  ],
])('%s is refused, with or without a base model', async (_what, code, message, tensors) => {
  await write(tensors);
  await expectRefusal(code, message);
});

test.each<[string, Tensors, RegExp]>([
  ['another width', [[`${Q}.lora_a`, [20, 4]], PAIR[1]!], /expected 24 inputs and 32 outputs, got 20 and 32/],
  [
    'a layer that it does not have',
    [
      ['blk.2.attn_q.weight.lora_a', [24, 4]],
      ['blk.2.attn_q.weight.lora_b', [4, 32]],
    ],
    /does not have/,
  ],
])('%s than that of the base model is refused', async (_what, tensors, message) => {
  await write(tensors);
  await expect(readGgufAdapter(path(), { base: tinyBase('qwen2') })).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(message),
  });
  await expect(readGgufAdapter(path())).resolves.toBeDefined();
});

const pair = (weight: string, input: number, output: number): Tensors => [
  [`${weight}.weight.lora_a`, [input, 4]],
  [`${weight}.weight.lora_b`, [4, output]],
];

test.each<[string, Tensors, RegExp]>([
  [
    'inputs of one weight in two layers',
    [...PAIR, ...pair('blk.1.attn_q', 20, 32)],
    /the inputs of blk.1.attn_q.weight do not fit the inputs of blk.0.attn_q.weight; expected 24, got 20/,
  ],
  ['outputs', [...PAIR, ...pair('blk.1.attn_q', 24, 16)], /outputs of blk.1.attn_q.weight .* expected 32, got 16/],
  ['hidden sizes', [...PAIR, ...pair('blk.0.ffn_down', 40, 28)], /outputs of blk.0.ffn_down.* expected 24, got 28/],
  ['heads', [...PAIR, ...pair('blk.0.attn_output', 28, 24)], /inputs of blk.0.attn_output.* expected 32, got 28/],
])('%s that contradict each other are refused without a base model', async (_what, tensors, message) => {
  await write(tensors);
  await expect(readGgufAdapter(path())).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(message),
  });
});

test('another architecture than that of the base model is refused, and Llama needs a base model', async () => {
  await write(PAIR);
  await expect(readGgufAdapter(path(), { base: tinyBase('llama') })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  await write(PAIR, { 'general.architecture': text('llama') });
  await expect(readGgufAdapter(path())).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('(--base)'),
  });
  // Only q and k are ordered by heads.
  await write(
    [
      ['blk.0.ffn_up.weight.lora_a', [24, 4]],
      ['blk.0.ffn_up.weight.lora_b', [4, 40]],
    ],
    {
      'general.architecture': text('llama'),
    },
  );
  await expect(readGgufAdapter(path())).resolves.toBeDefined();
});

test('a file that is no GGUF file, and one that is missing, are refused', async () => {
  await writeFile(path(), '{"a": 1}');
  await expect(readGgufAdapter(path())).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  await expect(readGgufAdapter(join(folder(), 'none.gguf'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
