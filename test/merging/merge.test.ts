import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoraAdapter, mergeDelta, writePeft } from '../../src/adapter/index.js';
import { type FloatDtype, fromFloat32, toFloat32 } from '../../src/formats/dtypes.js';
import { SafetensorsSet } from '../../src/formats/safetensors/index.js';
import { mergeAdapter } from '../../src/merging/merge.js';
import { FIXTURES } from '../adapter/bases.js';
import { adapterOf, changed, Q, SHAPES, V } from '../comparison/adapters.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { rawTensor, writeBase } from './base.js';

const folder = useTemporaryFolder();
const at = (...names: string[]) => join(folder(), ...names);

const merged = (adapter: LoraAdapter, force = false) =>
  mergeAdapter(adapter, { base: at('base'), out: at('out'), force });

async function tensorsOf(path: string): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const set = await SafetensorsSet.open(path);
  const tensors = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of set.tensors.keys()) tensors.set(name, await set.read(name));
  await set.close();
  return tensors;
}

test.each(['F64', 'F32', 'BF16', 'F16'] as const)(
  'the weights are W + ΔW, rounded once, in %s',
  async (dtype: FloatDtype) => {
    await writeBase(at('base'), { dtype });
    const adapter = adapterOf({ seed: 1, config: { rank: 5, useRslora: true, alphaPattern: { v_proj: 9 } } });
    const report = await merged(adapter);
    expect(report).toMatchObject({ merged: 4, tensors: 5, weights: ['model.safetensors'] });
    const [before, after] = [await tensorsOf(at('base')), await tensorsOf(at('out'))];
    for (const module of Object.keys(SHAPES)) {
      const name = `${module}.weight`;
      const delta = await mergeDelta(adapter, module);
      const sum = toFloat32(before.get(name)!, dtype).map((value, i) => value + delta[i]!);
      const expected = toFloat32(fromFloat32(sum, dtype), dtype);
      const found = toFloat32(after.get(name)!, dtype);
      const unit = { F64: 1e-6, F32: 1e-6, BF16: 2 ** -7, F16: 2 ** -10 }[dtype];
      for (const [i, value] of expected.entries())
        expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(unit * Math.abs(value) + 1e-7);
      // Rounded once: nearly all values are the very ones.
      if (dtype === 'BF16' || dtype === 'F16')
        expect(found.filter((value, i) => value !== expected[i]).length).toBeLessThanOrEqual(1);
      expect(found).not.toEqual(toFloat32(before.get(name)!, dtype));
    }
  },
);

test('a float64 base keeps its digits', async () => {
  const values = Float64Array.from({ length: 108 }, (_, i) => 1 / (3 + i));
  const shapes = { [V]: SHAPES[V]! };
  await writeBase(at('base'), {
    shapes,
    others: [rawTensor(`${Q}.weight`, [12, 9], 'F64', new Uint8Array(values.buffer))],
  });
  const adapter = adapterOf({ seed: 1, modules: [Q] });
  await merged(changed(adapter, (name, data) => (name.includes('lora_B') ? data.fill(0).with(0, 0.5) : data)));
  const found = new Float64Array((await tensorsOf(at('out'))).get(`${Q}.weight`)!.buffer);
  // B has one element, in the first row.
  expect(found.subarray(9)).toEqual(values.subarray(9));
  const a = adapter.tensors.get(`base_model.model.${Q}.lora_A.weight`)!.data;
  for (let i = 0; i < 9; i++) expect(found[i]).toBe(values[i]! + 2 * 0.5 * a[i]!);
});

test('the sum is rounded once, not to float32 before', async () => {
  const ones = rawTensor(`${Q}.weight`, [12, 9], 'BF16', fromFloat32(new Float32Array(108).fill(1), 'BF16'));
  await writeBase(at('base'), { dtype: 'BF16', shapes: { [V]: SHAPES[V]! }, others: [ones] });
  const rank = 2;
  const adapter = changed(adapterOf({ seed: 1, modules: [Q], config: { rank, alpha: rank } }), (name, data) =>
    data.map((_, i) => (name.includes('lora_A') ? 1 : i % rank === 0 ? 2 ** -8 : 2 ** -31)),
  );
  await merged(adapter);
  const found = new Uint16Array((await tensorsOf(at('out'))).get(`${Q}.weight`)!.buffer);
  expect([...new Set(found)]).toEqual([0x3f81]);
});

test('shards, headers, index and every other byte stay as they are', async () => {
  const others = [
    rawTensor(
      'model.layers.0.counter',
      [3],
      'I64',
      Uint8Array.from({ length: 24 }, (_, i) => i),
    ),
    rawTensor('model.mask', [5], 'BOOL', Uint8Array.of(1, 0, 1, 1, 0)),
  ];
  await writeBase(at('base'), { maxShardBytes: 500, others });
  const adapter = adapterOf({ seed: 1, modules: [Q] });
  const { weights, copied } = await merged(adapter);
  expect(weights.length).toBeGreaterThan(2);
  expect(copied).toEqual(['config.json', 'model.safetensors.index.json', 'tokenizer.json']);
  expect((await readdir(at('out'))).sort()).toEqual((await readdir(at('base'))).sort());
  const holder = JSON.parse(await readFile(at('base', 'model.safetensors.index.json'), 'utf8')).weight_map[
    `${Q}.weight`
  ];
  for (const name of await readdir(at('base'))) {
    const [before, after] = [await readFile(at('base', name)), await readFile(at('out', name))];
    if (name !== holder) expect(after.equals(before)).toBe(true);
    else expect(after.length).toBe(before.length);
  }
  const [before, after] = [await tensorsOf(at('base')), await tensorsOf(at('out'))];
  const differing = [...before]
    .filter(([name, bytes]) => !Buffer.from(bytes).equals(after.get(name)!))
    .map(([name]) => name);
  expect(differing).toEqual([`${Q}.weight`]);
  const header = (bytes: Buffer) => bytes.subarray(0, 8 + Number(bytes.readBigUInt64LE()));
  expect(header(await readFile(at('out', holder)))).toEqual(header(await readFile(at('base', holder))));
});

test('a base that stores its weights transposed is merged transposed', async () => {
  const module = 'transformer.h.0.attn.c_attn';
  const adapter = adapterOf({
    seed: 1,
    shapes: { [module]: [12, 5], lm_head: [7, 5] },
    config: { fanInFanOut: true },
  });
  // As GPT-2's files have it: without the prefix of the class; lm_head is a plain layer.
  await writeBase(at('base'), {
    shapes: { 'h.0.attn.c_attn': [5, 12], lm_head: [7, 5] },
    config: { model_type: 'gpt2', tie_word_embeddings: false },
  });
  await merged(adapter);
  const [before, after] = [await tensorsOf(at('base')), await tensorsOf(at('out'))];
  const differenceOf = (name: string) => {
    const own = toFloat32(before.get(name)!, 'F32');
    return toFloat32(after.get(name)!, 'F32').map((value, i) => value - own[i]!);
  };
  const delta = await mergeDelta(adapter, module);
  for (const [i, value] of differenceOf('h.0.attn.c_attn.weight').entries())
    expect(value).toBeCloseTo(delta[(i % 12) * 5 + Math.floor(i / 12)]!, 5);
  const head = await mergeDelta(adapter, 'lm_head');
  for (const [i, value] of differenceOf('lm_head.weight').entries()) expect(value).toBeCloseTo(head[i]!, 5);
});

describe('of square weights the base decides which way they are stored', () => {
  const SQUARE = 'model.layers.0.self_attn.q_proj';
  const PROJECTION = 'transformer.h.0.attn.c_proj';

  /** Whether ΔW was added transposed: it is one nonzero row, or one column. */
  async function addedTransposed(module: string, fanInFanOut: boolean, modelType: string): Promise<boolean> {
    const adapter = changed(
      adapterOf({ seed: 1, shapes: { [module]: [6, 6] }, config: { fanInFanOut } }),
      (name, data) => (name.includes('lora_B') ? data.fill(0).with(0, 1) : data),
    );
    await writeBase(at('base'), { shapes: { [module]: [6, 6] }, config: { model_type: modelType } });
    await merged(adapter);
    const [before, after] = [await tensorsOf(at('base')), await tensorsOf(at('out'))];
    const own = toFloat32(before.get(`${module}.weight`)!, 'F32');
    const changes = toFloat32(after.get(`${module}.weight`)!, 'F32').map((value, i) => value - own[i]!);
    const places = [...changes.keys()].filter((i) => changes[i] !== 0);
    expect(places.length).toBeGreaterThan(1);
    expect(places.every((i) => i < 6) || places.every((i) => i % 6 === 0)).toBe(true);
    return places.every((i) => i % 6 === 0);
  }

  // PEFT warns, and corrects fan_in_fan_out by the class of the layer.
  test.each([
    [SQUARE, true, 'llama', false],
    [SQUARE, false, 'llama', false],
    [PROJECTION, false, 'gpt2', true],
    [PROJECTION, true, 'gpt2', true],
    ['score', true, 'gpt2', false],
    [SQUARE, false, 'unheard-of', false],
  ])('%s with fan_in_fan_out %p in a base of type %s: transposed %p', async (module, flag, modelType, expected) => {
    expect(await addedTransposed(module, flag, modelType)).toBe(expected);
  });

  test('in a base of an unknown type, other modules must confirm fan_in_fan_out', async () => {
    const other = 'h.0.mlp.dense';
    const given = (fanInFanOut: boolean, shapes: Record<string, [number, number]>) =>
      merged(adapterOf({ seed: 1, shapes, config: { fanInFanOut } }));
    const square: Record<string, [number, number]> = { 'h.0.dense': [6, 6] };
    const write = (shape: [number, number]) =>
      writeBase(at('base'), { shapes: { ...square, [other]: shape, 'h.0.c_proj': [6, 6] }, config: {} });
    const refused = { code: 'UNSUPPORTED_BASE', message: expect.stringContaining('is square') };
    await write([6, 9]);
    await expect(given(true, square)).rejects.toMatchObject(refused);
    await expect(given(false, { 'h.0.c_proj': [6, 6] })).rejects.toMatchObject(refused);
    await expect(given(false, { ...square, [other]: [9, 6] })).rejects.toMatchObject(refused);
    await expect(given(true, { ...square, [other]: [6, 9] })).rejects.toMatchObject(refused);
    expect(await readdir(folder())).toEqual(['base']);
    expect(await given(true, { ...square, [other]: [9, 6] })).toMatchObject({ merged: 2 });
  });
});

describe('LoRA on lm_head', () => {
  const adapter = () => adapterOf({ seed: 1, shapes: { [V]: SHAPES[V]!, lm_head: [7, 9] } });
  const writeHead = (config: Record<string, unknown>) =>
    writeBase(at('base'), { shapes: { [V]: SHAPES[V]!, lm_head: [7, 9] }, config });

  test.each([
    { model_type: 'qwen2', tie_word_embeddings: true },
    { model_type: 'mistral3', text_config: { tie_word_embeddings: true } },
    { model_type: 'gemma' },
  ])('is refused where it is tied to the embeddings: %j', async (config) => {
    await writeHead(config);
    await expect(merged(adapter())).rejects.toMatchObject({
      code: 'UNSUPPORTED_BASE',
      message: expect.stringMatching(/changes lm_head, .*tie_word_embeddings is true.*tie_word_embeddings false/),
    });
  });

  test.each([{ model_type: 'qwen2' }, { model_type: 'gemma', tie_word_embeddings: false }])(
    'is merged where it is not: %j',
    async (config) => {
      await writeHead(config);
      expect(await merged(adapter())).toMatchObject({ merged: 2 });
    },
  );

  test('a tied base is no hindrance for other modules', async () => {
    await writeHead({ model_type: 'qwen2', tie_word_embeddings: true });
    expect(await merged(adapterOf({ seed: 1, modules: [V] }))).toMatchObject({ merged: 1 });
  });
});

test('a GGUF file is no base, and the message says so', async () => {
  await expect(
    mergeAdapter(adapterOf({ seed: 1 }), { base: join(FIXTURES, 'gguf', 'tiny_llama.gguf'), out: at('out') }),
  ).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining('is a GGUF file') });
});

test('an output that exists is refused before anything is read', async () => {
  await mkdir(at('out'));
  await writeFile(at('out', 'config.json'), '{}');
  await expect(mergeAdapter(at('no-adapter'), { base: at('no-base'), out: at('out') })).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
  });
});

test('a base without config.json is refused', async () => {
  await writeBase(at('base'));
  await rm(at('base', 'config.json'));
  await expect(merged(adapterOf({ seed: 1 }))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining('config.json does not exist'),
  });
});

test('other weights, an adapter and hidden files are not copied, links are followed, templates are', async () => {
  await writeBase(at('base'));
  for (const name of [
    'pytorch_model.bin',
    'model.gguf',
    'consolidated.safetensors',
    'adapter_config.json',
    '.gitattributes',
    'checksums.json',
  ])
    await writeFile(at('base', name), 'x');
  await mkdir(at('base', 'additional_chat_templates'));
  await writeFile(at('base', 'additional_chat_templates', 'tool_use.jinja'), 'template');
  await mkdir(at('base', 'onnx'));
  await writeFile(at('vocabulary'), 'words');
  await symlink(at('vocabulary'), at('base', 'vocab.txt'));
  await symlink(at('nowhere'), at('base', 'broken.txt'));
  const { copied, skipped } = await merged(adapterOf({ seed: 1 }));
  expect(copied).toEqual(['additional_chat_templates', 'config.json', 'tokenizer.json', 'vocab.txt']);
  expect(skipped).toEqual([
    '.gitattributes',
    'adapter_config.json',
    'broken.txt',
    'checksums.json',
    'consolidated.safetensors',
    'model.gguf',
    'onnx',
    'pytorch_model.bin',
  ]);
  expect(await readFile(at('out', 'vocab.txt'), 'utf8')).toBe('words');
  expect(await readFile(at('out', 'additional_chat_templates', 'tool_use.jinja'), 'utf8')).toBe('template');
});

test('an adapter of another base is refused before anything is written', async () => {
  await writeBase(at('base'));
  const shapes = { ...SHAPES, 'model.layers.11.mlp.down_proj': [9, 14] as [number, number] };
  for (const [adapter, message] of [
    [
      adapterOf({ seed: 1, shapes }),
      /1 of its 5 modules have no weights there; expected model.layers.11.mlp.down_proj.weight/,
    ],
    [
      adapterOf({ seed: 1, shapes: { [V]: [6, 9] } }),
      /v_proj.weight: has another shape there; expected \[6, 9\], got \[5, 9\]/,
    ],
    [adapterOf({ seed: 1, shapes: { [V]: [9, 5] } }), /another shape/],
  ] as const)
    await expect(merged(adapter)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(message),
    });
  expect(await readdir(folder())).toEqual(['base']);
});

test('a quantised base is refused', async () => {
  const shapes = Object.fromEntries(Object.entries(SHAPES).filter(([module]) => module !== V));
  await writeBase(at('base'), { shapes, others: [rawTensor(`${V}.weight`, [5, 9], 'U8', new Uint8Array(45))] });
  await expect(merged(adapterOf({ seed: 1 }))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining('is quantised'),
  });
});

test('weights that are not finite are refused, in the adapter, in the base, and in the sum', async () => {
  await writeBase(at('base'), { dtype: 'F16' });
  const adapter = adapterOf({ seed: 1 });
  const broken = changed(adapter, (_, data) => data.with(2, Number.NaN));
  const large = changed(adapter, (_, data) => data.map((value) => value * 1e4));
  const tensor = expect.stringMatching(/weight: at \[\d+, \d+\] the merged weight is not finite in F16/);
  await expect(merged(broken)).rejects.toMatchObject({ code: 'INVALID_WEIGHTS' });
  await expect(merged(large)).rejects.toMatchObject({ code: 'INVALID_WEIGHTS', message: tensor });
  const nan = fromFloat32(new Float32Array(SHAPES[V]![0] * SHAPES[V]![1]).fill(Number.NaN), 'F16');
  const shapes = Object.fromEntries(Object.entries(SHAPES).filter(([module]) => module !== V));
  await writeBase(at('base'), { dtype: 'F16', shapes, others: [rawTensor(`${V}.weight`, SHAPES[V]!, 'F16', nan)] });
  await expect(merged(adapter)).rejects.toMatchObject({ code: 'INVALID_WEIGHTS', message: tensor });
  expect(await readdir(folder())).toEqual(['base']);
});

test('the output is never the base or the adapter, even by force and through links', async () => {
  await writeBase(at('base'));
  await writePeft(at('adapter'), adapterOf({ seed: 1 }), { dtype: 'F32' });
  await symlink(at('base'), at('link'));
  for (const out of [at('base'), at('link'), at('adapter'), folder()])
    await expect(mergeAdapter(at('adapter'), { base: at('base'), out, force: true })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/which is read|is the input itself/),
    });
  const before = await readdir(at('base'));
  await mergeAdapter(at('adapter'), { base: at('link'), out: at('base', 'merged') });
  expect((await readdir(at('base'))).sort()).toEqual([...before, 'merged'].sort());
});

test('an existing model is replaced by force alone, and another folder not even by force', async () => {
  await writeBase(at('base'));
  await merged(adapterOf({ seed: 1 }));
  await expect(merged(adapterOf({ seed: 2 }))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await merged(adapterOf({ seed: 2 }), true);
  await mkdir(at('photos'));
  await writeFile(at('photos', 'one'), '');
  await expect(
    mergeAdapter(adapterOf({ seed: 1 }), { base: at('base'), out: at('photos'), force: true }),
  ).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
  });
});

test('a folder without weights is no base', async () => {
  await mkdir(at('base'));
  await expect(merged(adapterOf({ seed: 1 }))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(mergeAdapter(adapterOf({ seed: 1 }), { base: at('none'), out: at('out') })).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
  });
});

test('progress grows to 1, and an abort on the way leaves nothing behind', async () => {
  await writeBase(at('base'), { maxShardBytes: 500 });
  const seen: number[] = [];
  await mergeAdapter(adapterOf({ seed: 1 }), {
    base: at('base'),
    out: at('out'),
    onProgress: (fraction) => seen.push(fraction),
  });
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(1);
  const controller = new AbortController();
  const aborted = mergeAdapter(adapterOf({ seed: 1 }), {
    base: at('base'),
    out: at('other'),
    signal: controller.signal,
    onProgress: () => controller.abort('enough'),
  });
  await expect(aborted).rejects.toBe('enough');
  expect((await readdir(folder())).sort()).toEqual(['base', 'out']);
});
