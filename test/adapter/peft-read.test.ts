import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODULE_NAMES, readPeft } from '../../src/adapter/index.js';
import type { Dtype } from '../../src/formats/dtypes.js';
import { type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { convertToPytorch } from '../formats/write-pytorch.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { FIXTURES } from './bases.js';

const folder = useTemporaryFolder();
const peft = (name: string) => join(FIXTURES, 'peft', name);
const PREFIX = 'base_model.model.model.layers.0.self_attn';

/** A PEFT folder with this configuration and tensors of these shapes, filled with ones. */
async function folderOf(config: object, shapes: Record<string, number[]>, dtype: Dtype = 'F32'): Promise<string> {
  await writeFile(join(folder(), 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', ...config }));
  const tensors = Object.entries(shapes).map(
    ([name, shape]): TensorSource => ({
      name,
      dtype,
      shape,
      bytes: () => [new Uint8Array(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1).buffer)],
    }),
  );
  await writeSafetensors(join(folder(), 'adapter_model.safetensors'), tensors);
  return folder();
}

const pair = (module: string, rank = 2, input = 6, output = 4): Record<string, number[]> => ({
  [`${module}.lora_A.weight`]: [rank, input],
  [`${module}.lora_B.weight`]: [output, rank],
});
const query = pair(`${PREFIX}.q_proj`);

test('an adapter that PEFT wrote is read, with float64 tensors and no base', async () => {
  const adapter = await readPeft(peft('qwen2'));
  expect(adapter.config).toMatchObject({
    rank: 4,
    alpha: 8,
    useRslora: false,
    baseModelName: null,
    fanInFanOut: false,
  });
  expect([...adapter.config.targetModules].sort()).toEqual([...MODULE_NAMES].sort());
  expect(adapter.tensors.size).toBe(42);
  const layout = adapter.layout();
  expect([layout.rank, layout.modules, layout.tensors.length]).toEqual([4, MODULE_NAMES, 42]);
  const weights = new Map(Array.from(adapter.tensors, ([name, { data }]) => [name, data]));
  const reconstructed = await layout.reconstruct(layout.tokenise(weights));
  for (const [name, data] of weights) {
    const worst = data.reduce((max, value, i) => Math.max(max, Math.abs(value - reconstructed.get(name)![i]!)), 0);
    expect(worst).toBeLessThan(1e-6);
  }
});

test('rsLoRA and an odd rank are read', async () => {
  const adapter = await readPeft(peft('llama_rslora'));
  expect(adapter.config).toMatchObject({ rank: 3, alpha: 6, useRslora: true });
  expect(adapter.layout().tokenHeight).toBe(6);
});

test('PEFT’s own defaults fill what the configuration leaves out', async () => {
  const adapter = await readPeft(await folderOf({}, pair(`${PREFIX}.q_proj`, 8)));
  expect(adapter.config).toMatchObject({ rank: 8, alpha: 8, useRslora: false, baseModelName: null });
});

test('target modules given as a pattern are those of the tensors', async () => {
  const modules = { ...pair(`${PREFIX}.v_proj`), ...query };
  for (const targets of ['all-linear', '.*_proj', null, []]) {
    const adapter = await readPeft(await folderOf({ r: 2, target_modules: targets }, modules));
    expect(adapter.config.targetModules).toEqual(['q_proj', 'v_proj']);
  }
});

test('names with an adapter in them, and without PEFT’s prefix, are the same names', async () => {
  const adapter = await readPeft(
    await folderOf(
      { r: 2 },
      {
        'model.layers.0.self_attn.q_proj.lora_A.default.weight': [2, 6],
        [`${PREFIX}.q_proj.lora_B.weight`]: [4, 2],
      },
    ),
  );
  expect([...adapter.tensors.keys()].sort()).toEqual(Object.keys(query).sort());
  const twice = { ...query, 'model.layers.0.self_attn.q_proj.lora_A.weight': [2, 6] };
  await expect(readPeft(await folderOf({ r: 2 }, twice))).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('twice, under two spellings'),
  });
});

test('what only training needs is left out, and several adapters in one file are refused', async () => {
  const training = {
    [`${PREFIX}.q_proj.lora_velora_embed`]: [4],
    [`${PREFIX}.q_proj.lora_monteclora_sampler.std`]: [2],
  };
  const adapter = await readPeft(await folderOf({ r: 2 }, { ...query, ...training }));
  expect([...adapter.tensors.keys()].sort()).toEqual(Object.keys(query).sort());
  const both = {
    [`${PREFIX}.q_proj.lora_A.one.weight`]: [2, 6],
    [`${PREFIX}.q_proj.lora_B.one.weight`]: [4, 2],
    [`${PREFIX}.v_proj.lora_A.two.weight`]: [2, 6],
    [`${PREFIX}.v_proj.lora_B.two.weight`]: [4, 2],
  };
  await expect(readPeft(await folderOf({ r: 2 }, both))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining('holds several adapters: one, two. Save one of them'),
  });
});

test('LoRA on modules that no layout has is read, and named where a layout is asked for', async () => {
  for (const [module, what] of [
    ['base_model.model.lm_head', 'LoRA on the output layer (lm_head)'],
    ['base_model.model.model.visual.blocks.0.attn.qkv', 'LoRA on a vision or audio tower'],
    ['base_model.model.vision_model.encoder.layers.0.self_attn.q_proj', 'LoRA on a vision or audio tower'],
    ['base_model.model.model.layers.0.mlp.experts.3.up_proj', 'LoRA on an expert of a mixture of experts'],
  ] as const) {
    const adapter = await readPeft(await folderOf({ r: 2 }, { ...query, ...pair(module) }));
    expect(adapter.moduleNames()).toHaveLength(2);
    expect(() => adapter.layout()).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_BASE', message: expect.stringContaining(`is ${what}, for which`) }),
    );
  }
});

test('unknown settings are told to whoever asks', async () => {
  const warnings: string[] = [];
  await readPeft(await folderOf({ r: 2, use_tomorrow: true }, query), { onWarning: (one) => warnings.push(one) });
  expect(warnings).toEqual([
    expect.stringMatching(/adapter_config\.json: the setting "use_tomorrow" \(true\) is unknown/),
  ]);
});

test('an adapter of GPT-2 is read, but there is no layout for it', async () => {
  const module = 'base_model.model.transformer.h.0.attn.c_attn';
  const adapter = await readPeft(await folderOf({ r: 2, fan_in_fan_out: true }, pair(module)));
  expect(adapter.config).toMatchObject({ fanInFanOut: true, targetModules: ['c_attn'] });
  expect(() => adapter.layout()).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED_BASE', message: expect.stringContaining('h.0.attn.c_attn') }),
  );
});

test('ranks by pattern are read, but there is no layout for them', async () => {
  const modules = { ...query, ...pair(`${PREFIX}.v_proj`, 3) };
  const config = { r: 2, rank_pattern: { v_proj: 3 }, alpha_pattern: { v_proj: 5 } };
  const adapter = await readPeft(await folderOf(config, modules));
  expect(adapter.config).toMatchObject({ rankPattern: { v_proj: 3 }, alphaPattern: { v_proj: 5 } });
  expect(() => adapter.layout()).toThrow(
    expect.objectContaining({ code: 'SHAPE_MISMATCH', message: expect.stringContaining('needs one rank') }),
  );
});

test.each([
  [{ use_dora: true }, 'DoRA (use_dora)'],
  [{ bias: 'lora_only' }, 'trained biases (bias is "lora_only")'],
  [{ lora_bias: true }, 'biases on lora_B'],
  [{ modules_to_save: ['lm_head'] }, 'fully trained modules (modules_to_save)'],
  [{ trainable_token_indices: [1] }, 'trained token embeddings'],
  [{ layer_replication: [[0, 2]] }, 'replicated layers'],
  [{ target_parameters: ['experts.weight'] }, 'LoRA on bare parameters'],
  [{ alora_invocation_tokens: [1] }, 'activated LoRA'],
  [{ peft_type: 'IA3' }, 'peft_type "IA3"'],
  [{ alpha_pattern: { '(q|v)_proj': 4 } }, 'the regular expression "(q|v)_proj" in alpha_pattern'],
])('more than plain LoRA is refused by name: %j', async (config, message) => {
  await expect(readPeft(await folderOf({ r: 2, ...config }, query))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining(`the adapter uses ${message}`),
  });
});

test.each([
  ['q_proj.lora_magnitude_vector', 'DoRA'],
  ['embed_tokens.lora_embedding_A', 'LoRA on embeddings'],
  ['q_proj.modules_to_save.weight', 'fully trained modules'],
  ['q_proj.bias', 'trained biases'],
  ['q_proj.weight', 'not a LoRA matrix but a weight of the base model'],
  ['q_proj.base_layer.weight', 'not a LoRA matrix but a weight of the base model'],
  ['embed_tokens.weight', 'a whole embedding or output matrix, which PEFT saves when the vocabulary was resized'],
  ['lm_head.base_layer.weight', 'a whole embedding or output matrix'],
  ['embed_tokens.token_adapter.trainable_tokens_delta', 'trained token embeddings'],
  ['input_layernorm.weight', 'a fully trained layer norm'],
  ['q_proj.lora_diag', 'KaSA'],
  ['q_proj.lora_a', 'a matrix of an MLX adapter'],
  ['q_proj.lora_a.weight', 'a LoRA matrix under torchtune’s names'],
  ['q_proj.lora_up.weight', 'a LoRA matrix under the names of image models'],
  ['rotary.inv_freq', 'not a LoRA matrix; only plain LoRA is supported'],
])('a tensor of more than plain LoRA is refused by name: %s', async (name, what) => {
  const tensors = { ...query, [`${PREFIX}.${name}`]: [4] };
  await expect(readPeft(await folderOf({ r: 2 }, tensors))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining(`${PREFIX}.${name} is ${what}`),
  });
});

test.each([
  [{ r: 0 }, 'r: is not valid; expected a whole number from 1, got 0'],
  [{ r: 2.5 }, 'r: is not valid; expected a whole number from 1, got 2.5'],
  [{ lora_alpha: '16' }, 'lora_alpha: is not valid; expected a number above 0, got "16"'],
  [{ use_rslora: 1 }, 'use_rslora: is not valid; expected true or false, got 1'],
  [{ base_model_name_or_path: 3 }, 'base_model_name_or_path: is not valid; expected a text or null, got 3'],
  [{ target_modules: [1] }, 'target_modules: is not valid; expected a list of texts, got [1]'],
  [{ rank_pattern: [1] }, 'rank_pattern: is not valid; expected a JSON object, got [1]'],
  [{ rank_pattern: { q_proj: 0 } }, 'rank_pattern.q_proj: is not valid; expected a whole number from 1, got 0'],
  [
    { layers_to_transform: ['a'] },
    'layers_to_transform: is not valid; expected a list of whole numbers from 0, got ["a"]',
  ],
  [{ exclude_modules: 3 }, 'exclude_modules: is not valid; expected a list of texts, or a pattern, got 3'],
  [{ peft_type: null }, 'peft_type: is missing; expected a text'],
])('a configuration that cannot be is a corrupt file: %j', async (config, message) => {
  await expect(readPeft(await folderOf({ r: 2, ...config }, query))).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(`adapter_config.json: ${message}`),
  });
});

test('tensors that do not fit together, or their configuration, are refused', async () => {
  const attempts: [object, Record<string, number[]>, string][] = [
    [{ r: 8 }, query, 'has rank 2, but adapter_config.json says 8'],
    [{ r: 2 }, { [`${PREFIX}.q_proj.lora_A.weight`]: [2, 6] }, `has no tensor ${PREFIX}.q_proj.lora_B.weight`],
    [
      { r: 2 },
      { ...query, [`${PREFIX}.q_proj.lora_B.weight`]: [4, 3] },
      'lora_A has rank 2 (its rows) and lora_B has rank 3',
    ],
    [{ r: 2 }, { ...query, [`${PREFIX}.q_proj.lora_B.weight`]: [4, 2, 1] }, 'not a matrix of floats'],
    [{ r: 2 }, {}, 'contains no tensors'],
  ];
  for (const [config, shapes, message] of attempts) {
    await expect(readPeft(await folderOf(config, shapes))).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringContaining(message),
    });
  }
  await expect(readPeft(await folderOf({ r: 2 }, query, 'I32'))).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('is I32 of shape'),
  });
});

test('a folder without its files says which is missing', async () => {
  await expect(readPeft(folder())).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining('adapter_config.json'),
  });
  await cp(peft('qwen2'), folder(), { recursive: true });
  const tensors = join(folder(), 'adapter_model.safetensors');
  await writeFile(tensors, (await readFile(tensors)).subarray(0, 2000));
  await expect(readPeft(folder())).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  await rm(tensors);
  await expect(readPeft(folder())).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining('adapter_model.safetensors'),
  });
  await writeFile(join(folder(), 'adapter_model.bin'), '');
  await expect(readPeft(folder())).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('adapter_model.bin'),
  });
});

test('adapter_model.bin, as PEFT wrote it before safetensors, is read alike', async () => {
  const expected = await readPeft(peft('qwen2'));
  await cp(peft('qwen2'), folder(), { recursive: true });
  await convertToPytorch(join(folder(), 'adapter_model.safetensors'), join(folder(), 'adapter_model.bin'));
  await rm(join(folder(), 'adapter_model.safetensors'));
  expect(await readPeft(folder())).toEqual(expected);
});

test('an abort stops the reading', async () => {
  await expect(readPeft(peft('qwen2'), { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});
