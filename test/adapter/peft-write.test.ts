import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type AdapterDtype, AdapterLayout, LoraAdapter, readPeft, writePeft } from '../../src/adapter/index.js';
import { fromFloat32, toFloat32 } from '../../src/formats/dtypes.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { mountSmallDisk } from '../small-disk.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { base } from './bases.js';

const folder = useTemporaryFolder();
const small = mountSmallDisk('size=256k');
afterAll(() => small.unmount());

const layout = new AdapterLayout({ base: base('qwen2.5-0.5b'), rank: 8 });
const config = { rank: 4, alpha: 8, useRslora: false, targetModules: ['q_proj'], baseModelName: 'Qwen/Qwen2.5-0.5B' };
const A = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
const B = 'base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight';

function adapterOf(values: number[] = [], rows = 16): LoraAdapter {
  const a = new Float32Array(4 * rows);
  a.set(values);
  return new LoraAdapter(
    config,
    new Map([
      [B, { shape: [rows, 4], data: Float32Array.from({ length: 4 * rows }, (_, i) => i / 3) }],
      [A, { shape: [4, rows], data: a }],
    ]),
  );
}

test('a whole adapter for Qwen2.5-0.5B: 336 tensors of the right names, shapes and dtype', async () => {
  const tokens = Float32Array.from({ length: layout.size }, (_, i) => Math.sin(i) / 10);
  const adapter = await LoraAdapter.fromTokens(layout, tokens, { alpha: 16 });
  const out = join(folder(), 'adapters', 'geology');
  const seen: number[] = [];
  let turns = 0;
  let handle = setImmediate(function turn() {
    turns++;
    handle = setImmediate(turn);
  });
  await writePeft(out, adapter, { dtype: 'BF16', onProgress: (fraction) => seen.push(fraction) });
  clearImmediate(handle);
  expect(turns).toBeGreaterThan(10);
  expect(seen.at(-1)).toBe(1);
  expect((await readdir(out)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
  const file = await SafetensorsFile.open(join(out, 'adapter_model.safetensors'));
  expect({ ...file.metadata }).toEqual({ format: 'pt' });
  const names = [...file.tensors.keys()];
  expect(names).toEqual(layout.tensors.map(({ name }) => name).sort());
  for (const { name, shape } of layout.tensors) {
    expect(file.tensors.get(name)).toMatchObject({ dtype: 'BF16', shape });
    const expected = fromFloat32(
      layout.reconstructTensor(tokens, layout.tensors.find((t) => t.name === name)!),
      'BF16',
    );
    expect(Buffer.compare(await file.read(name), expected)).toBe(0);
  }
  await file.close();
});

test('adapter_config.json has every key that a reader could have a default of its own for', async () => {
  const out = join(folder(), 'out');
  await writePeft(out, adapterOf(), { dtype: 'F32' });
  expect(JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'))).toEqual({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: 'Qwen/Qwen2.5-0.5B',
    r: 4,
    lora_alpha: 8,
    lora_dropout: 0,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    modules_to_save: null,
    use_rslora: false,
    use_dora: false,
    rank_pattern: {},
    alpha_pattern: {},
    target_modules: ['q_proj'],
  });
});

test('an adapter for Qwen2.5-VL leaves out the image encoder, whose projections have the same names', async () => {
  const vision = new AdapterLayout({ base: { ...base('qwen2.5-vl-3b'), layers: 1 }, rank: 2, modules: ['up_proj'] });
  const adapter = await LoraAdapter.fromTokens(vision, new Float32Array(vision.size), { alpha: 4, baseModelName: 'x' });
  const out = join(folder(), 'out');
  await writePeft(out, adapter, { dtype: 'BF16' });
  const written = JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'));
  expect(written).toMatchObject({ target_modules: ['up_proj'], base_model_name_or_path: 'x' });
  const excluded = new RegExp(`^(?:${written.exclude_modules})$`);
  expect('model.visual.blocks.0.mlp.up_proj').toMatch(excluded);
  expect('model.language_model.layers.0.mlp.up_proj').not.toMatch(excluded);
});

test.each(['BF16', 'F16', 'F32'] as AdapterDtype[])('%s: what is written is read again', async (dtype) => {
  const adapter = adapterOf([1 / 3, -2, 6e-8, 65504]);
  await writePeft(join(folder(), 'out'), adapter, { dtype });
  const again = await readPeft(join(folder(), 'out'));
  expect(again.config).toMatchObject(config);
  for (const [name, { shape, data }] of adapter.tensors) {
    expect(again.tensors.get(name)).toEqual({ shape, data: toFloat32(fromFloat32(data, dtype), dtype) });
  }
});

test('patterns, GPT-2’s transposed weights and a choice of layers survive', async () => {
  const special = {
    ...config,
    baseModelName: null,
    fanInFanOut: true,
    rankPattern: { q_proj: 4 },
    alphaPattern: { 'self_attn.q_proj': 3 },
    layersToTransform: [0, 9],
  };
  await writePeft(join(folder(), 'out'), new LoraAdapter(special, adapterOf().tensors), { dtype: 'F32' });
  expect((await readPeft(join(folder(), 'out'))).config).toMatchObject(special);
});

test.each([
  [Number.NaN, 'F32', `${A} holds NaN at [1, 2]; weights must be finite`],
  [Number.NEGATIVE_INFINITY, 'BF16', `${A} holds -Infinity at [1, 2]`],
  [65520, 'F16', `${A} holds weights beyond 65504, the largest of F16; write another dtype`],
  [3.4e38, 'BF16', `${A} holds weights beyond 3.39e38, the largest of BF16`],
] as const)('%d as %s is refused, and nothing is left', async (value, dtype, message) => {
  const values = new Array(18).fill(0).concat(value);
  await expect(writePeft(join(folder(), 'x', 'out'), adapterOf(values), { dtype })).rejects.toMatchObject({
    code: 'INVALID_WEIGHTS',
    message: expect.stringContaining(message),
  });
  expect(await readdir(folder())).toEqual([]);
});

test('a NaN far into a large tensor is found and placed', async () => {
  const values = new Float32Array(4 * 100_000);
  values[350_001] = Number.NaN;
  const adapter = adapterOf([], 100_000);
  adapter.tensors.get(A)!.data.set(values);
  await expect(writePeft(join(folder(), 'out'), adapter, { dtype: 'BF16' })).rejects.toThrow('NaN at [3, 50001]');
});

test('an existing folder is kept unless forced; a folder that is no adapter is kept even then', async () => {
  const out = join(folder(), 'out');
  await writePeft(out, adapterOf([1]), { dtype: 'F32' });
  const before = await readFile(join(out, 'adapter_model.safetensors'));
  await expect(writePeft(out, adapterOf([2]), { dtype: 'F32' })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await expect(writePeft(out, adapterOf([Number.NaN]), { dtype: 'F32', force: true })).rejects.toMatchObject({
    code: 'INVALID_WEIGHTS',
  });
  expect(Buffer.compare(await readFile(join(out, 'adapter_model.safetensors')), before)).toBe(0);
  await writePeft(out, adapterOf([2]), { dtype: 'F32', force: true });
  expect((await readPeft(out)).tensors.get(A)!.data[0]).toBe(2);
  const other = join(folder(), 'documents');
  await mkdir(other);
  await writeFile(join(other, 'thesis.tex'), '');
  await expect(writePeft(other, adapterOf(), { dtype: 'F32', force: true })).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
  });
});

test('an abort leaves nothing', async () => {
  const controller = new AbortController();
  const writing = writePeft(join(folder(), 'out'), adapterOf(), {
    dtype: 'F32',
    signal: controller.signal,
    onProgress: () => controller.abort('enough'),
  });
  await expect(writing).rejects.toBe('enough');
  expect(await readdir(folder())).toEqual([]);
});

test('a full disk leaves nothing', async () => {
  const writing = writePeft(join(small.folder, 'a', 'out'), adapterOf([], 100_000), { dtype: 'F32' });
  await expect(writing).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await readdir(small.folder)).toEqual([]);
});

test('a configuration that no reader would take is refused', async () => {
  for (const change of [{ rank: 0 }, { alpha: 0 }, { alpha: Number.NaN }, { targetModules: [] }]) {
    const adapter = new LoraAdapter({ ...config, ...change }, adapterOf().tensors);
    await expect(writePeft(join(folder(), 'out'), adapter, { dtype: 'F32' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  }
  const empty = new LoraAdapter(config, new Map());
  await expect(writePeft(join(folder(), 'out'), empty, { dtype: 'F32' })).rejects.toMatchObject({
    code: 'INVALID_WEIGHTS',
    message: 'the adapter has no tensors',
  });
});

test('tensors that are no whole pairs make no adapter', () => {
  const whole = adapterOf().tensors;
  const attempts: [Map<string, { shape: number[]; data: Float32Array }>, string][] = [
    [new Map([[A, { shape: [4, 16], data: new Float32Array(64) }]]), `has no tensor ${B}`],
    [new Map([['x', { shape: [4, 16], data: new Float32Array(64) }]]), '"x" is not the name of a LoRA matrix'],
    [new Map([...whole, [A, { shape: [5, 16], data: new Float32Array(80) }]] as never), 'lora_A has rank 5'],
    [
      new Map([...whole, [A, { shape: [4, 16], data: new Float32Array(63) }]] as never),
      'is not a matrix: shape [4, 16], 63',
    ],
    [new Map([...whole, [A, { shape: [64], data: new Float32Array(64) }]] as never), 'is not a matrix'],
  ];
  for (const [tensors, message] of attempts) {
    const attempt = () => new LoraAdapter(config, tensors);
    expect(attempt).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
    expect(attempt).toThrow(message);
  }
});
