import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConvertOptions, convert } from '../../src/conversion/index.js';
import { FIXTURES } from '../adapter/bases.js';
import { writeCheckpoint } from '../formats/write-pytorch.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { floats } from './published-tensors.js';

const folder = useTemporaryFolder();
const at = (...names: string[]) => join(folder(), ...names);
const PEFT = join(FIXTURES, 'gguf', 'tiny_llama_peft');
const CONFIG = {
  model_type: 'llama',
  hidden_size: 32,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 60,
  num_hidden_layers: 3,
};

beforeEach(async () => {
  await mkdir(at('base'));
  await writeFile(at('base', 'config.json'), JSON.stringify(CONFIG));
  await writeFile(at('base', 'notes.txt'), 'mine');
  await cp(PEFT, at('me'), { recursive: true });
  await writeFile(at('me', 'notes.txt'), 'mine');
  await writeCheckpoint(at('x.pth'), { criterion_weight: floats([2], [1, 1]) });
});

async function contents(): Promise<Record<string, string>> {
  const entries = await readdir(folder(), { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(path, 'latin1')] as const)),
  );
}

/** Refused with this message, and with every file as it was. */
async function refused(
  [input, output, options]: [string, string, ConvertOptions],
  code: string,
  message: RegExp,
): Promise<void> {
  const before = await contents();
  await expect(convert(input, output, options)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
  expect(await contents()).toEqual(before);
}

test('an output that is an input, or contains one, is refused, even by force and through links', async () => {
  const cases: [string, string, ConvertOptions][] = [
    [at('me'), at('me'), {}],
    [at('me'), at('base', 'config.json'), { base: at('base', 'config.json'), format: 'gguf' }],
    [at('me'), at('base', 'config.json'), { base: at('base'), format: 'gguf' }],
    [at('me'), at('base', 'notes.txt'), { base: at('base'), format: 'gguf' }],
    [at('me'), at('me', 'adapter_config.json'), { base: at('base'), format: 'gguf' }],
    [at('me'), at('link'), {}],
    [at('me'), at('base'), { base: at('base') }],
    [at('me'), folder(), {}],
    [at('x.pth'), at('me'), { base: at('base'), encoder: at('me') }],
  ];
  await symlink(at('me'), at('link'));
  for (const arguments_ of cases) {
    arguments_[2].force = true;
    await refused(
      arguments_,
      'INVALID_ARGUMENT',
      /is the input itself|is .*, which is read|contains .*, which is read/,
    );
  }
});

test('a base model’s GGUF file is not replaced by an adapter for it', async () => {
  await writeFile(at('base.gguf'), 'GGUF and the rest');
  const options = { base: at('base.gguf'), force: true };
  await refused([at('me'), at('base.gguf'), options], 'INVALID_ARGUMENT', /is the input itself/);
});

test('an earlier adapter in the folder of the input is replaced by force', async () => {
  for (const force of [false, true])
    expect(await convert(at('me'), at('me', 'adapter.gguf'), { base: at('base'), force })).toMatchObject({
      to: 'gguf',
    });
});

test('token importance replaces a file by force alone', async () => {
  await writeFile(at('y.safetensors'), 'old');
  await refused([at('x.pth'), at('y.safetensors'), {}], 'OUTPUT_EXISTS', /--force/);
  expect(await convert(at('x.pth'), at('y.safetensors'), { force: true })).toMatchObject({ to: 'importance' });
});

test('an existing output is refused before the input and the base are read', async () => {
  await writeFile(at('broken.pth'), 'no checkpoint');
  await mkdir(at('broken'));
  await writeFile(at('broken', 'adapter_config.json'), 'no adapter');
  await writeFile(at('y.safetensors'), 'old');
  await writeFile(at('y.gguf'), 'old');
  const base = at('nowhere');
  await refused([at('broken.pth'), at('y.safetensors'), {}], 'OUTPUT_EXISTS', /y.safetensors exists/);
  await refused([at('broken.pth'), at('base'), { base, encoder: 'hash' }], 'OUTPUT_EXISTS', /base exists/);
  await refused([at('broken'), at('y.gguf'), { base }], 'OUTPUT_EXISTS', /y.gguf exists/);
  await refused([at('broken'), at('base'), { base }], 'OUTPUT_EXISTS', /base exists/);
  await refused([at('broken'), at('base'), { base, format: 'mlx' }], 'OUTPUT_EXISTS', /base exists/);
});

test('options that mean nothing for the output are refused', async () => {
  const refuse = (input: string, output: string, options: ConvertOptions, message: RegExp) =>
    refused([at(input), at(output), options], 'INVALID_ARGUMENT', message);
  const settings: ConvertOptions = { format: 'gguf', rank: 5, base: 'nonexist', dtype: 'f32' };
  await refuse('x.pth', 'y.safetensors', settings, /token importance.* base, format, dtype, rank mean nothing/);
  await refuse('x.pth', 'y', { format: 'gguf' }, /becomes a generator.* format means nothing/);
  await refuse(
    'me',
    'y',
    { rank: 2, preset: 'qwen2.5-1.5b-math', encoder: 'hash' },
    /a PEFT folder.* preset, encoder, rank/,
  );
  await refuse('me', 'y.gguf', { chunk: 2 }, /a GGUF file.* chunk means/);
});

test('a folder does not get the name of a file by mistake', async () => {
  const base = at('base');
  await refused([at('x.pth'), at('x.gguf'), { base, encoder: 'hash' }], 'INVALID_ARGUMENT', /folder of a generator/);
  await refused([at('me'), at('y.safetensors'), {}], 'INVALID_ARGUMENT', /a file named .gguf/);
  expect(await convert(at('me'), at('y.safetensors'), { format: 'peft' })).toMatchObject({ to: 'peft' });
});
