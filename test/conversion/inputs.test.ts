import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConvertOptions, convert } from '../../src/conversion/index.js';
import { writeCheckpoint } from '../formats/write-pytorch.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { floats } from './published-tensors.js';

const folder = useTemporaryFolder();
const at = (...names: string[]) => join(folder(), ...names);
const PEFT = join(__dirname, '..', 'fixtures', 'peft', 'qwen2');
const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n';

async function refused(input: string, output: string, message: RegExp, options: ConvertOptions = {}): Promise<void> {
  const before = await readdir(folder());
  await expect(convert(input, at(output), options)).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringMatching(message),
  });
  expect(await readdir(folder())).toEqual(before);
}

test.each(['adapter.gguf', 'adapter', 'adapter.npz'])('a Git LFS pointer in place of %s is named', async (name) => {
  await writeFile(at(name), POINTER);
  await refused(at(name), 'out', /cannot be converted: it is a Git LFS pointer.*git lfs pull/);
});

test('an HTML page in place of a download is named', async () => {
  await writeFile(at('adapter.gguf'), '<!doctype html><html>');
  await refused(at('adapter.gguf'), 'out', /an HTML page/);
});

describe('a file of tensors of an adapter is not taken for a checkpoint,', () => {
  const options = { base: 'nowhere', encoder: 'hash' };

  test.each(['out', 'out.safetensors', 'out.gguf'])('beside its configuration, for %s', async (output) => {
    await cp(PEFT, at('peft'), { recursive: true });
    await refused(at('peft', 'adapter_model.safetensors'), output, /adapter_config.json is beside it.*Give its folder/);
    await refused(at('peft', 'adapter_model.safetensors'), output, /Give its folder/, options);
  });

  test.each(['out', 'out.safetensors', 'out.gguf'])('by the names of its tensors, for %s', async (output) => {
    await cp(join(PEFT, 'adapter_model.safetensors'), at('lone.safetensors'));
    await refused(at('lone.safetensors'), output, /it holds ".*lora_A.weight".*Give its folder/);
    await writeCheckpoint(at('lone.bin'), { 'layers.0.self_attn.q_proj.lora_a': floats([2, 2], [1, 2, 3, 4]) });
    await refused(at('lone.bin'), output, /it holds ".*lora_a".*Give its folder/);
  });

  test('whatever its settings are', async () => {
    await cp(join(PEFT, 'adapter_model.safetensors'), at('lone.safetensors'));
    await refused(at('lone.safetensors'), 'out', /lora_A/, options);
  });
});
