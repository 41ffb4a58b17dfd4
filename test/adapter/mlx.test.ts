import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  AdapterLayout,
  LoraAdapter,
  type LoraConfig,
  mergeDelta,
  modulesOf,
  readMlx,
  readPeft,
  writeMlx,
  writePeft,
} from '../../src/adapter/index.js';
import { fromFloat32 } from '../../src/formats/dtypes.js';
import { SafetensorsFile, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { anyBase, base } from './bases.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);

function randomAdapter(layout: AdapterLayout, config: Partial<LoraConfig> = {}, seed = 1): LoraAdapter {
  const random = SplitMix64.seeded(seed);
  const values = Float32Array.from({ length: layout.elementCount }, () => random.below(2 ** 24) / 2 ** 24 - 0.5);
  const adapter = LoraAdapter.fromValues(layout, values, { alpha: config.alpha ?? 16, baseModelName: 'a/b' });
  return new LoraAdapter({ ...adapter.config, ...config }, adapter.tensors);
}

const SMALL = { ...base('qwen2.5-0.5b'), hidden: 6, heads: 2, kvHeads: 1, headDim: 4, intermediate: 5, layers: 3 };
const small = (modules?: string[], rank = 2) => new AdapterLayout({ base: SMALL, rank, modules });

interface FileTensor {
  name: string;
  shape: number[];
  values?: number[];
}

/** Writes a folder as mlx-lm does. */
async function writeFolder(config: unknown, tensors: readonly FileTensor[], file = 'adapters.safetensors') {
  await writeFile(at('adapter_config.json'), JSON.stringify(config));
  await writeSafetensors(
    at(file),
    tensors.map(({ name, shape, values }) => {
      const length = shape.reduce((product, size) => product * size, 1);
      const data = Float32Array.from({ length }, (_, i) => values?.[i] ?? i);
      return { name, shape, dtype: 'F32' as const, bytes: () => [fromFloat32(data, 'F32')] };
    }),
  );
}

const PARAMETERS = { rank: 2, scale: 10, dropout: 0 };
const CONFIG = { fine_tune_type: 'lora', num_layers: 16, model: 'a/b', lora_parameters: PARAMETERS };
const QUERY = 'model.layers.0.self_attn.q_proj';
const pair = (module: string, input = 3, rank = 2, output = 4): FileTensor[] => [
  { name: `${module}.lora_a`, shape: [input, rank] },
  { name: `${module}.lora_b`, shape: [rank, output] },
];

test('matrices are transposed, and scale multiplies directly', async () => {
  await writeFolder(CONFIG, pair(QUERY));
  const adapter = await readMlx(folder());
  expect(adapter.config).toMatchObject({ rank: 2, alpha: 20, useRslora: false, baseModelName: 'a/b' });
  expect(adapter.pair(QUERY)).toMatchObject({
    a: Float32Array.of(0, 2, 4, 1, 3, 5),
    b: Float32Array.of(0, 4, 1, 5, 2, 6, 3, 7),
  });
  // scale · lora_bᵀ · lora_aᵀ, its first row: 10 · (0 · [0, 2, 4] + 4 · [1, 3, 5])
  expect([...(await mergeDelta(adapter, QUERY)).subarray(0, 3)]).toEqual([40, 120, 200]);
});

test('a file that mlx-lm saved while training is read with the configuration beside it', async () => {
  await writeFolder(CONFIG, pair(QUERY), '0000100_adapters.safetensors');
  expect((await readMlx(at('0000100_adapters.safetensors'))).tensors.size).toBe(2);
  await expect(readMlx(folder())).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('PEFT → MLX → PEFT gives the same values and the same files', async () => {
  const layout = small();
  await writePeft(at('peft'), randomAdapter(layout), { dtype: 'F32' });
  await writeMlx(at('mlx'), await readPeft(at('peft')), { dtype: 'f32' });
  await writePeft(at('again'), await readMlx(at('mlx')), { dtype: 'F32' });
  for (const name of ['adapter_model.safetensors', 'adapter_config.json'])
    expect(await readFile(join(at('again'), name))).toEqual(await readFile(join(at('peft'), name)));
});

test('what is written is what mlx-lm writes: names, shapes, configuration', async () => {
  await writeMlx(at('mlx'), randomAdapter(small(['v_proj'])), { dtype: 'f16', layers: 3 });
  expect(JSON.parse(await readFile(at('mlx/adapter_config.json'), 'utf8'))).toEqual({
    model: 'a/b',
    fine_tune_type: 'lora',
    num_layers: 3,
    lora_parameters: { keys: ['self_attn.v_proj'], rank: 2, scale: 8, dropout: 0 },
  });
  const file = await SafetensorsFile.open(at('mlx/adapters.safetensors'));
  expect(file.tensors.get('model.layers.2.self_attn.v_proj.lora_a')).toMatchObject({ dtype: 'F16', shape: [6, 2] });
  expect(file.tensors.get('model.layers.2.self_attn.v_proj.lora_b')).toMatchObject({ dtype: 'F16', shape: [2, 4] });
  expect(file.tensors.size).toBe(6);
  await file.close();
});

test('a model with an image encoder has its layers elsewhere in mlx-lm', async () => {
  const layout = new AdapterLayout({ base: { ...SMALL, modelType: 'gemma3' }, rank: 2 });
  await writeMlx(at('mlx'), randomAdapter(layout), { dtype: 'f32' });
  const file = await SafetensorsFile.open(at('mlx/adapters.safetensors'));
  expect([...file.tensors.keys()]).toContain('language_model.model.layers.0.self_attn.q_proj.lora_a');
  await file.close();
  const again = await readMlx(at('mlx'));
  expect([...again.tensors.keys()].sort()).toEqual(layout.tensors.map(({ name }) => name).sort());
  expect(again.config.excludeModules).toBe('.*\\b(visual|vision_tower)\\..*');
});

test('adapted layers are the last ones: how many is written if the base is known, and read as a list', async () => {
  const all = randomAdapter(small(['q_proj']));
  const tensors = new Map([...all.tensors].filter(([name]) => !name.includes('layers.0.')));
  const last = new LoraAdapter({ ...all.config, layersToTransform: [1, 2] }, tensors);
  const layersOf = async () => JSON.parse(await readFile(at('mlx/adapter_config.json'), 'utf8')).num_layers;
  await writeMlx(at('mlx'), last, { dtype: 'f32', layers: 3 });
  expect(await layersOf()).toBe(2);
  expect((await readMlx(at('mlx'))).config.layersToTransform).toEqual([1, 2]);
  await writeMlx(at('mlx'), last, { dtype: 'f32', force: true });
  expect(await layersOf()).toBe(-1);
  await expect(writeMlx(at('mlx'), last, { dtype: 'f32', layers: 2, force: true })).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('it adapts layer 2, but the base has 2 layers'),
  });
});

test('ΔW stays the same, whatever the base, modules, scale and alphas', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('llama', 'phi3', 'qwen3_moe', 'gemma3'),
      anyBase,
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(1, 5, 16, 0.3),
      fc.boolean(),
      fc.boolean(),
      async (modelType, shape, rank, alpha, useRslora, own) => {
        const modules = [...modulesOf(modelType)];
        const layout = new AdapterLayout({ base: { ...shape, modelType }, rank });
        const alphaPattern = own ? { [modules[1]!]: 3 } : {};
        const adapter = randomAdapter(layout, { alpha, useRslora, alphaPattern }, run);
        const out = at(`${run++}`);
        await writeMlx(out, adapter, { dtype: 'f32' });
        const again = await readMlx(out);
        expect([...again.moduleNames()].sort()).toEqual(adapter.moduleNames().sort());
        expect(again.config.targetModules).toEqual(modules);
        for (const module of adapter.moduleNames()) {
          const [expected, found] = [await mergeDelta(adapter, module), await mergeDelta(again, module)];
          const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
          const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - found[i]!)), 0);
          expect(worst).toBeLessThanOrEqual(1e-6 * largest);
          if (!own)
            expect([again.pair(module).a, again.pair(module).b]).toEqual([
              adapter.pair(module).a,
              adapter.pair(module).b,
            ]);
        }
      },
    ),
    { numRuns: 15, seed: 3 },
  );
});

test.each([
  [{ ...CONFIG, fine_tune_type: 'dora' }, 'UNSUPPORTED_FORMAT', 'the MLX adapter is DoRA (fine_tune_type "dora")'],
  [{ ...CONFIG, fine_tune_type: 'full' }, 'UNSUPPORTED_FORMAT', 'is fully trained weights (fine_tune_type "full")'],
  [{ ...CONFIG, fine_tune_type: 7 }, 'UNSUPPORTED_FORMAT', '(fine_tune_type 7)'],
  [{ ...CONFIG, lora_parameters: undefined }, 'CORRUPT_FILE', 'lora_parameters: is missing; expected a JSON object'],
  [{ ...CONFIG, lora_parameters: { rank: 2, alpha: 4 } }, 'CORRUPT_FILE', 'scale: is missing'],
  [{ ...CONFIG, lora_parameters: { ...PARAMETERS, scale: 0 } }, 'CORRUPT_FILE', 'lora_parameters.scale'],
  [
    { ...CONFIG, lora_parameters: { ...PARAMETERS, rank: 3 } },
    'SHAPE_MISMATCH',
    'has rank 2, but adapter_config.json says 3',
  ],
  [
    { ...CONFIG, lora_parameters: { ...PARAMETERS, keys: ['self_attn.v_proj'] } },
    'CORRUPT_FILE',
    'does not name; expected one of self_attn.v_proj',
  ],
  [{ ...CONFIG, num_layers: 'all' }, 'CORRUPT_FILE', 'num_layers: is not valid'],
])('a configuration that is not of plain LoRA is refused: %j', async (config, code, message) => {
  await writeFolder(config, pair(QUERY));
  await expect(readMlx(folder())).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test.each([
  ['DoRA’s magnitude', [...pair(QUERY), { name: `${QUERY}.m`, shape: [4] }], 'UNSUPPORTED_FORMAT'],
  ['a weight of the model itself', [{ name: `${QUERY}.weight`, shape: [4, 3] }], 'UNSUPPORTED_FORMAT'],
  ['LoRA on embeddings', pair('model.embed_tokens'), 'UNSUPPORTED_FORMAT'],
  ['LoRA on the experts', [{ name: `${QUERY}.lora_a`, shape: [2, 2, 3] }], 'UNSUPPORTED_FORMAT'],
  [
    'a quantised LoRA matrix',
    [...pair(QUERY), { name: `${QUERY}.lora_a_scales`, shape: [1, 1] }],
    'UNSUPPORTED_FORMAT',
  ],
  ['contains no tensors', [], 'SHAPE_MISMATCH'],
  ['not a matrix of floats', [{ name: `${QUERY}.lora_a`, shape: [4] }], 'SHAPE_MISMATCH'],
  ['has no tensor', pair(QUERY).slice(1), 'SHAPE_MISMATCH'],
  [
    'adapts 17 layers, from 0 to 16, but num_layers',
    [...pair(QUERY), ...pair(QUERY.replace('0', '16'))],
    'CORRUPT_FILE',
  ],
])('a file is refused: %s', async (message, tensors, code) => {
  await writeFolder(CONFIG, tensors);
  await expect(readMlx(folder())).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test('adapters that mlx-lm cannot apply are refused', async () => {
  const write = (adapter: LoraAdapter) => writeMlx(at('mlx'), adapter, { dtype: 'f32' });
  const ranks = new Map([...randomAdapter(small(['q_proj'])).tensors, ...randomAdapter(small(['v_proj'], 3)).tensors]);
  await expect(
    write(new LoraAdapter({ ...randomAdapter(small()).config, rankPattern: { v_proj: 3 } }, ranks)),
  ).rejects.toMatchObject({ code: 'SHAPE_MISMATCH', message: expect.stringContaining('one rank for all modules') });
  const head = new Map(
    (['A', 'B'] as const).map((part) => [
      `base_model.model.lm_head.lora_${part}.weight`,
      { shape: [2, 2], data: new Float32Array(4) },
    ]),
  );
  await expect(write(new LoraAdapter(randomAdapter(small()).config, head))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining('lm_head is not a projection of a decoder layer'),
  });
  const bad = randomAdapter(small());
  [...bad.tensors.values()][0]!.data[3] = Number.NaN;
  await expect(write(bad)).rejects.toMatchObject({ code: 'INVALID_WEIGHTS' });
  await mkdir(at('mlx'));
  await writeFile(at('mlx/other'), '');
  await expect(write(randomAdapter(small()))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
});
