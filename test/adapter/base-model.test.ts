import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { baseModelFromConfig, readBaseModel, widthsOf } from '../../src/adapter/index.js';
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

test('Qwen3 without a head dimension has 128, as in transformers', () => {
  expect(baseModelFromConfig({ ...LLAMA, model_type: 'qwen3' }, 'x').headDim).toBe(128);
});

test('the query width is heads × head dimension, whatever the hidden size', () => {
  expect(widthsOf(base('qwen3-0.6b'))).toEqual({ hidden: 1024, query: 2048, keyValue: 1024, intermediate: 3072 });
});

test('Qwen2.5-VL is described at the top level or in text_config', () => {
  expect(base('qwen2.5-vl-3b-nested')).toEqual(base('qwen2.5-vl-3b'));
  expect(base('qwen2.5-vl-3b')).toMatchObject({ modelType: 'qwen2_5_vl', hidden: 2048, layers: 36 });
});

test.each(['gpt2', 'phi3', 'gemma2', 'bert', 'falcon', '__proto__', 'constructor'])('%s is refused by name', (type) => {
  const attempt = () => baseModelFromConfig({ ...LLAMA, model_type: type }, 'c.json');
  expect(attempt).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_BASE' }));
  expect(attempt).toThrow(`base models of type "${type}" are not supported`);
  expect(attempt).toThrow('Llama, Mistral, Qwen2, Qwen2.5-VL and Qwen3');
});

test.each([
  { ...LLAMA, model_type: 'mixtral' },
  { ...LLAMA, model_type: 'qwen3_moe' },
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
  [{ ...LLAMA, intermediate_size: null }, 'intermediate_size: is missing'],
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
