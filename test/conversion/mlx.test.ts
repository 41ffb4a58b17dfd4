import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readMlx, readPeft } from '../../src/adapter/index.js';
import { convert } from '../../src/conversion/index.js';
import { dndJson } from '../cli/run-cli.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);

/** As mlx_lm writes it: rank 4 and scale 2, two layers, seven modules. */
const MLX = join(__dirname, '..', 'fixtures', 'mlx');
const BASE = {
  model_type: 'qwen2',
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

test('an MLX folder becomes a PEFT folder, and that the same MLX folder again', async () => {
  const conversion = await convert(MLX, at('peft'));
  expect(conversion).toMatchObject({
    from: 'mlx',
    to: 'peft',
    facts: { ranks: [4], alpha: 8, modules: 14, tensorTypes: { F32: 28 } },
  });
  const expected = await readMlx(MLX);
  const peft = await readPeft(at('peft'));
  for (const [name, tensor] of expected.tensors) expect(peft.tensors.get(name)).toEqual(tensor);

  await writeFile(at('config.json'), JSON.stringify(BASE));
  await convert(at('peft'), at('mlx'), { format: 'mlx', base: at('config.json') });
  const again = await readMlx(at('mlx'));
  for (const [name, tensor] of expected.tensors) expect(again.tensors.get(name)).toEqual(tensor);
  const settings = JSON.parse(await readFile(at('mlx/adapter_config.json'), 'utf8'));
  expect(settings).toMatchObject({ num_layers: 2, lora_parameters: { rank: 4, scale: 2 } });
});

test('through GGUF and back nothing is lost', async () => {
  await writeFile(at('config.json'), JSON.stringify(BASE));
  await convert(MLX, at('adapter.gguf'), { base: at('config.json') });
  await convert(at('adapter.gguf'), at('mlx'), { format: 'mlx', base: at('config.json') });
  const [expected, found] = [await readMlx(MLX), await readMlx(at('mlx'))];
  expect(found.tensors.size).toBe(28);
  for (const [name, tensor] of expected.tensors) expect(found.tensors.get(name)).toEqual(tensor);
});

test('a base of a family that llama.cpp does not have is no hindrance for MLX', async () => {
  await writeFile(at('config.json'), JSON.stringify({ ...BASE, model_type: 'qwen3_moe', head_dim: 16 }));
  const conversion = await convert(MLX, at('mlx'), { format: 'mlx', base: at('config.json') });
  expect(conversion.to).toBe('mlx');
});

test.each([
  [{ format: 'ollama' as 'mlx' }, 'INVALID_ARGUMENT', 'there is no adapter format "ollama"; choose peft, gguf, mlx'],
  [
    { format: 'mlx', dtype: 'q8_0' },
    'INVALID_ARGUMENT',
    'there is no dtype "q8_0" of MLX folders; choose f32, f16, bf16',
  ],
] as const)('impossible outputs are refused: %j', async (options, code, message) => {
  await expect(convert(MLX, at('out'), options)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});

test('dnd convert --format mlx', async () => {
  await convert(join(MLX, 'adapters.safetensors'), at('peft'));
  const { code, result } = await dndJson<{ to: string; output: string }>([
    'convert',
    at('peft'),
    at('mlx'),
    '--format',
    'mlx',
    '--dtype',
    'bf16',
  ]);
  expect([code, result]).toMatchObject([0, { to: 'mlx', facts: { tensorTypes: { BF16: 28 } } }]);
  expect((await readMlx(at('mlx'))).tensors.size).toBe(28);
});
