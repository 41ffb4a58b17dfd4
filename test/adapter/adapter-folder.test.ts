import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPeft, searchAdapter } from '../../src/adapter/index.js';
import { convertToPytorch } from '../formats/write-pytorch.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { FIXTURES } from './bases.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);
const CASES = join(FIXTURES, 'cases');

async function adapterAt(...names: string[]): Promise<string> {
  await cp(join(FIXTURES, 'peft', 'qwen2'), at(...names), { recursive: true });
  return at(...names);
}

async function fileAt(...names: string[]): Promise<void> {
  await mkdir(at(...names.slice(0, -1)), { recursive: true });
  await writeFile(at(...names), 'not for us');
}

test('the only adapter below a folder is read, as trainers write it by name or as verl does', async () => {
  await adapterAt('checkpoint-1', 'sft');
  await fileAt('checkpoint-1', 'optimizer.pt');
  expect((await readPeft(at('checkpoint-1'))).tensors.size).toBe(42);
  await adapterAt('global_step_2', 'actor', 'lora_adapter');
  await fileAt('global_step_2', 'actor', 'model_world_size_1_rank_0.pt');
  await fileAt('global_step_2', 'critic', 'model_world_size_1_rank_0.pt');
  expect((await readPeft(at('global_step_2'))).tensors.size).toBe(42);
  await symlink(at('checkpoint-1', 'sft'), at('linked'));
  expect((await readPeft(at('linked'))).tensors.size).toBe(42);
});

test('an adapter in the folder itself is the one, whatever is below it', async () => {
  await adapterAt('checkpoint-1');
  await adapterAt('checkpoint-1', 'reference');
  await fileAt('checkpoint-1', 'global_step1', 'mp_rank_00_model_states.pt');
  expect(await searchAdapter(at('checkpoint-1'))).toEqual({ kind: 'one', folder: at('checkpoint-1') });
  expect((await readPeft(at('checkpoint-1'))).tensors.size).toBe(42);
});

test('several are listed, and chosen among by name', async () => {
  await adapterAt('step', 'reference');
  await adapterAt('step', 'train');
  await expect(readPeft(at('step'))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('holds 2 adapters: reference, train. Give the folder of one of them'),
  });
  expect(await searchAdapter(at('step'), { name: 'train' })).toEqual({ kind: 'one', folder: at('step', 'train') });
});

test('where a name is given, adapters of other names are not taken for it', async () => {
  await adapterAt('step', 'reference');
  expect(await searchAdapter(at('step'), { name: 'train' })).toEqual({ kind: 'misnamed', names: ['reference'] });
  await adapterAt('step', 'other');
  expect(await searchAdapter(at('step'), { name: 'train' })).toEqual({
    kind: 'misnamed',
    names: ['other', 'reference'],
  });
  await fileAt('step', 'train', 'adapters.safetensors');
  expect(await searchAdapter(at('step'), { name: 'train' })).toMatchObject({
    kind: 'none',
    why: expect.stringContaining('train/adapters.safetensors is an MLX adapter'),
  });
  await adapterAt('step');
  expect(await searchAdapter(at('step'), { name: 'train' })).toEqual({ kind: 'one', folder: at('step') });
});

test('adapter_model.bin is an adapter like any other, except where only safetensors are asked for', async () => {
  const folder = await adapterAt('checkpoint-1', 'default');
  const expected = await readPeft(folder);
  await convertToPytorch(join(folder, 'adapter_model.safetensors'), join(folder, 'adapter_model.bin'));
  expect(await searchAdapter(at('checkpoint-1'))).toEqual({ kind: 'one', folder });
  await rm(join(folder, 'adapter_model.safetensors'));
  expect(await searchAdapter(at('checkpoint-1'))).toEqual({ kind: 'one', folder });
  expect((await readPeft(at('checkpoint-1'))).tensors).toEqual(expected.tensors);
  expect(await searchAdapter(at('checkpoint-1'), { files: ['adapter_model.safetensors'] })).toMatchObject({
    kind: 'none',
    why: expect.stringMatching(/default\/adapter_model\.bin is in PyTorch’s format, and pairs read safetensors only\./),
  });
});

test('deeper than two levels, and in hidden folders, nothing is looked for', async () => {
  await adapterAt('step', 'a', 'b', 'c');
  await adapterAt('step', '.cache');
  expect(await searchAdapter(at('step'))).toMatchObject({ kind: 'none', saw: 'nothing' });
});

test.each([
  ['adapter_0.pt', 'adapter_0.pt is in PyTorch’s format. Save it as safetensors'],
  [
    'adapters.safetensors',
    'adapters.safetensors is an MLX adapter (mlx_lm), not a PEFT adapter. Give its folder to dnd convert',
  ],
  ['adapter.gguf', 'adapter.gguf is in llama.cpp’s format. Give that file to dnd convert'],
  ['pytorch_model_fsdp_0/__0_0.distcp', 'pytorch_model_fsdp_0/__0_0.distcp is part of an FSDP checkpoint in shards'],
  ['global_step9/zero_pp_rank_0_mp_rank_00_model_states.pt', 'is part of a DeepSpeed checkpoint'],
  ['actor/model_world_size_8_rank_0.pt', 'is part of a verl checkpoint in shards'],
  ['model-00001-of-00002.safetensors', 'is a whole model, without an adapter'],
])('what is there instead is named: %s', async (file, message) => {
  await fileAt('checkpoint-1', ...file.split('/'));
  await expect(readPeft(at('checkpoint-1'))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining(message),
  });
});

test('an adapter from before its conversion to LoRA is refused although its configuration is one of plain LoRA', async () => {
  for (const name of ['pissa_init', 'pissa_backup', 'olora_init']) {
    await expect(readPeft(await adapterAt(name))).rejects.toMatchObject({
      code: 'UNSUPPORTED_FORMAT',
      message: expect.stringMatching(/from before its conversion to LoRA, relative to a changed base/),
    });
  }
  await adapterAt('out', 'pissa_backup');
  await rename(await adapterAt('converted'), at('out', 'pissa_converted'));
  expect(await searchAdapter(at('out'))).toEqual({ kind: 'one', folder: at('out', 'pissa_converted') });
});

test('a pointer or a page in place of the weights is named', async () => {
  await expect(readPeft(join(CASES, '09-lfs-pointer', 'adapter'))).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('it is a Git LFS pointer, not the file itself'),
  });
  await expect(readPeft(join(CASES, '09-lfs-pointer', 'html'))).rejects.toMatchObject({
    message: expect.stringContaining('it is an HTML page'),
  });
  const path = await adapterAt('pointer');
  await rm(join(path, 'adapter_config.json'));
  await writeFile(join(path, 'adapter_config.json'), 'version https://git-lfs.github.com/spec/v1\noid sha256:0a\n');
  await expect(readPeft(path)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('adapter_config.json is not valid JSON: it is a Git LFS pointer'),
  });
});

test('weights that ZeRO-3 did not gather are named: no tensors, and empty ones', async () => {
  const checkpoint = (step: number) =>
    readPeft(join(CASES, '02-zero3-empty', 'pairs', 't', 'checkpoints', `checkpoint-${step}`));
  await expect(checkpoint(1)).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(/contains no tensors\. DeepSpeed’s ZeRO-3/),
  });
  await expect(checkpoint(2)).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(/is empty, of shape \[0\]\. DeepSpeed’s ZeRO-3.*stage3_gather_16bit_weights/),
  });
});
