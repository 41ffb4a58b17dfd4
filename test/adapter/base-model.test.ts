import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BASE_TYPES } from '../../src/adapter/base-family.js';
import { baseModelFromConfig, configOfBase, modulesOf, readBaseModel, widthsOf } from '../../src/adapter/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { base, configPath } from './bases.js';

const folder = useTemporaryFolder();

const LLAMA = {
  model_type: 'llama',
  hidden_size: 64,
  num_attention_heads: 4,
  intermediate_size: 128,
  num_hidden_layers: 2,
};

test('the shape of a base is read from its config.json, or from the folder that holds it', async () => {
  const expected = {
    name: null,
    modelType: 'qwen2',
    hidden: 896,
    heads: 14,
    kvHeads: 2,
    headDim: 64,
    intermediate: 4864,
    layers: 24,
  };
  expect(await readBaseModel(configPath('qwen2.5-0.5b'))).toEqual(expected);
  await mkdir(join(folder(), 'model'));
  const config = { _name_or_path: 'Qwen/Qwen2.5-0.5B', ...LLAMA };
  await writeFile(join(folder(), 'model', 'config.json'), JSON.stringify(config));
  expect(await readBaseModel(join(folder(), 'model'))).toMatchObject({ name: 'Qwen/Qwen2.5-0.5B', hidden: 64 });
});

test('a missing file and a file that is not JSON are distinguished', async () => {
  await expect(readBaseModel(join(folder(), 'none.json'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(readBaseModel(folder())).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining('config.json'),
  });
  await writeFile(join(folder(), 'config.json'), 'model');
  await expect(readBaseModel(folder())).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
});

test('key–value heads default to the heads, the head dimension to hidden size / heads', () => {
  expect(baseModelFromConfig(LLAMA, 'x')).toMatchObject({ kvHeads: 4, headDim: 16 });
  expect(base('mistral-7b')).toMatchObject({ kvHeads: 8, headDim: 128 });
  expect(baseModelFromConfig({ ...LLAMA, head_dim: null, num_key_value_heads: null }, 'x')).toMatchObject({
    kvHeads: 4,
    headDim: 16,
  });
});

test('what a file leaves out has the default of its family in transformers', () => {
  const grouped = { ...LLAMA, num_key_value_heads: 2 };
  expect(baseModelFromConfig({ ...grouped, model_type: 'qwen3' }, 'x').headDim).toBe(128);
  expect(baseModelFromConfig({ ...LLAMA, model_type: 'mistral', num_attention_heads: 16 }, 'x').kvHeads).toBe(8);
  expect(baseModelFromConfig({ ...LLAMA, model_type: 'qwen2', num_attention_heads: 32 }, 'x').kvHeads).toBe(32);
});

test('a default that does not fit the rest of the file is refused as one', () => {
  expect(() =>
    baseModelFromConfig({ ...LLAMA, model_type: 'qwen2', num_attention_heads: 14, head_dim: 8 }, 'x'),
  ).toThrow(
    'num_attention_heads 14 is not a multiple of num_key_value_heads 32, the default of qwen2 in transformers, as the file has none',
  );
});

test('null is a default where transformers takes it for one, and refused where it does not', () => {
  expect(baseModelFromConfig({ ...LLAMA, model_type: 'qwen2', num_key_value_heads: null }, 'x').kvHeads).toBe(4);
  expect(() => baseModelFromConfig({ ...LLAMA, model_type: 'mistral', num_key_value_heads: null }, 'x')).toThrow(
    'x: num_key_value_heads: is null, for which transformers has no default in mistral; expected a whole number from 1 to 1048576. Set it',
  );
  expect(() =>
    baseModelFromConfig({ ...LLAMA, model_type: 'qwen3', num_key_value_heads: 2, head_dim: null }, 'x'),
  ).toThrow('x: head_dim: is null');
});

test('Qwen2.5-VL has no head dimension of its own, whatever the file says', () => {
  const text = { ...LLAMA, model_type: 'qwen2_5_vl_text', num_key_value_heads: 2, head_dim: 32 };
  expect(baseModelFromConfig({ model_type: 'qwen2_5_vl', text_config: text }, 'x').headDim).toBe(16);
});

test('a base with an image encoder is described by text_config, whose type decides the defaults', () => {
  const { model_type: _, ...sizes } = { ...LLAMA, num_key_value_heads: 2 };
  const config = (model_type: string, text_config: unknown) => ({ model_type, text_config });
  expect(baseModelFromConfig(config('gemma3', sizes), 'x')).toMatchObject({ modelType: 'gemma3', headDim: 256 });
  expect(baseModelFromConfig(config('mistral3', sizes), 'x').headDim).toBe(16);
  expect(baseModelFromConfig(config('mistral3', { ...sizes, model_type: 'ministral3' }), 'x').headDim).toBe(128);
  expect(baseModelFromConfig(config('gemma3', { hidden_size: 2560, num_hidden_layers: 34 }), 'x')).toMatchObject({
    hidden: 2560,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    intermediate: 9216,
    layers: 34,
  });
  expect(() => baseModelFromConfig({ ...sizes, model_type: 'gemma3' }, 'x')).toThrow(
    'a base of type "gemma3" has its language model in text_config, which is missing',
  );
  expect(() => baseModelFromConfig(config('gemma3', { ...sizes, model_type: 'llama' }), 'x')).toThrow(
    'base models of type "gemma3" with a language model of type "llama" are not supported',
  );
});

test('Phi has fused projections, as wide as those that they fuse', () => {
  const phi = baseModelFromConfig({ ...LLAMA, model_type: 'phi3', num_key_value_heads: 2 }, 'x');
  expect(widthsOf(phi)).toEqual({ hidden: 64, query: 64, queryKeyValue: 128, intermediate: 128, gateUp: 256 });
  expect(modulesOf('phi3')).toEqual(['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj']);
});

test('of Qwen3-MoE, only the attention can be adapted', () => {
  const moe = { ...LLAMA, model_type: 'qwen3_moe', num_key_value_heads: 2, num_experts: 8 };
  expect(widthsOf(baseModelFromConfig(moe, 'x'))).toEqual({ hidden: 64, query: 64, keyValue: 32 });
  expect(modulesOf('qwen3_moe')).toEqual(['q_proj', 'k_proj', 'v_proj', 'o_proj']);
});

test('every kind of base survives being written as a configuration', () => {
  for (const modelType of BASE_TYPES) {
    const shape = {
      name: 'a/b',
      hidden: 64,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      intermediate: 96,
      layers: 3,
      modelType,
    };
    expect(baseModelFromConfig(configOfBase(shape), modelType)).toEqual(shape);
  }
});

test('the query width is heads × head dimension, whatever the hidden size', () => {
  expect(widthsOf(base('qwen3-0.6b'))).toEqual({ hidden: 1024, query: 2048, keyValue: 1024, intermediate: 3072 });
});

test('Qwen2.5-VL is described at the top level or in text_config', () => {
  expect(base('qwen2.5-vl-3b-nested')).toEqual(base('qwen2.5-vl-3b'));
  expect(base('qwen2.5-vl-3b')).toMatchObject({ modelType: 'qwen2_5_vl', hidden: 2048, layers: 36 });
});

test.each(['gpt2', 'phi', 'gemma3n', 'bert', 'falcon', '__proto__', 'constructor'])('%s is refused by name', (type) => {
  const attempt = () => baseModelFromConfig({ ...LLAMA, model_type: type }, 'c.json');
  expect(attempt).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_BASE' }));
  expect(attempt).toThrow(`base models of type "${type}" are not supported`);
  expect(attempt).toThrow(/supported are gemma, .*llama, .*qwen2_5_vl/);
});

test.each([
  { ...LLAMA, model_type: 'mixtral' },
  { ...LLAMA, model_type: 'qwen2_moe' },
  { ...LLAMA, num_local_experts: 8 },
  { ...LLAMA, model_type: 'qwen2', num_experts: 60 },
  { ...LLAMA, n_routed_experts: 64 },
  { model_type: 'qwen2_5_vl', text_config: { ...LLAMA, num_experts: 2 } },
])('a mixture of experts is refused as one: %j', (config) => {
  const attempt = () => baseModelFromConfig(config, 'c.json');
  expect(attempt).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_BASE' }));
  expect(attempt).toThrow('mixture of experts');
});

test.each([
  [[], 'c.json is not a valid base model configuration: it is not a JSON object'],
  [null, 'it is not a JSON object'],
  [{ ...LLAMA, hidden_size: undefined }, 'c.json: hidden_size: is missing'],
  [
    { ...LLAMA, model_type: 'ministral', num_key_value_heads: 2 },
    'c.json: head_dim: is missing, for which transformers has no default in ministral',
  ],
  [
    { ...LLAMA, hidden_size: -64 },
    'c.json: hidden_size: is not valid; expected a whole number from 1 to 1048576, got -64',
  ],
  [{ ...LLAMA, hidden_size: 64.5 }, 'hidden_size: is not valid; expected a whole number from 1 to 1048576, got 64.5'],
  [{ ...LLAMA, hidden_size: '64' }, 'got "64"'],
  [{ ...LLAMA, hidden_size: 1e15 }, 'got 1000000000000000'],
  [
    { ...LLAMA, num_attention_heads: 0 },
    'num_attention_heads: is not valid; expected a whole number from 1 to 1048576, got 0',
  ],
  [
    { ...LLAMA, num_hidden_layers: 1e9 },
    'num_hidden_layers: is not valid; expected a whole number from 1 to 4096, got 1000000000',
  ],
  [
    { ...LLAMA, intermediate_size: null },
    'intermediate_size: is not valid; expected a whole number from 1 to 1048576, got null',
  ],
  [{ ...LLAMA, num_key_value_heads: 3 }, 'num_attention_heads 4 is not a multiple of num_key_value_heads 3'],
  [
    { ...LLAMA, num_attention_heads: 5 },
    'hidden_size 64 is not a multiple of num_attention_heads 5, and head_dim is missing',
  ],
  [{ ...LLAMA, head_dim: 0 }, 'head_dim: is not valid; expected a whole number from 1 to 1048576, got 0'],
  [{ ...LLAMA, head_dim: 1e6 }, '4 heads of head_dim 1000000 are wider'],
])('a configuration with impossible sizes says which: %j', (config, message) => {
  const attempt = () => baseModelFromConfig(config, 'c.json');
  expect(attempt).toThrow(expect.objectContaining({ code: 'CORRUPT_FILE' }));
  expect(attempt).toThrow('c.json');
  expect(attempt).toThrow(message);
});

test('a configuration of something else, without model_type, is no base', () => {
  expect(() => baseModelFromConfig({ hidden_size: 64 }, 'c.json')).toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED_BASE' }),
  );
});
