import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPeft } from '../../src/adapter/index.js';
import { convertToPytorch } from '../formats/write-pytorch.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd, dndJson } from './run-cli.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);
const PEFT = join(__dirname, '../fixtures/peft/qwen2');

test('an adapter one folder deeper is converted, with its unknown settings in the notes', async () => {
  await mkdir(at('checkpoint-1'));
  await cp(PEFT, at('checkpoint-1', 'sft'), { recursive: true });
  const config = await import(join(PEFT, 'adapter_config.json'));
  await writeFile(
    at('checkpoint-1', 'sft', 'adapter_config.json'),
    JSON.stringify({ ...config.default, use_tomorrow: true }),
  );
  const { result } = await dndJson<{ notes: string[] }>(['convert', at('checkpoint-1'), at('out')]);
  expect(result.notes).toContainEqual(expect.stringContaining('the setting "use_tomorrow" (true) is unknown'));
  expect((await readPeft(at('out'))).tensors.size).toBe((await readPeft(PEFT)).tensors.size);
});

test('an adapter_model.bin one folder deeper is converted', async () => {
  await cp(PEFT, at('step', 'default'), { recursive: true });
  const file = (name: string) => at('step', 'default', `adapter_model.${name}`);
  await convertToPytorch(file('safetensors'), file('bin'));
  await rm(file('safetensors'));
  expect((await dnd(['convert', at('step'), at('out'), '--dtype', 'f32'])).code).toBe(0);
  expect((await readPeft(at('out'))).tensors).toEqual((await readPeft(PEFT)).tensors);
});

test('a folder of shards, or of several adapters, is refused by name', async () => {
  const { stderr } = await dnd([
    'convert',
    join(__dirname, '../fixtures/cases/03-adapter-subfolder/pairs-fsdp/t/checkpoint-1'),
    at('out'),
  ]);
  expect(stderr).toContain('is part of an FSDP checkpoint in shards');
  for (const name of ['reference', 'train']) await cp(PEFT, at('step', name), { recursive: true });
  expect((await dnd(['convert', at('step'), at('out')])).stderr).toContain('holds 2 adapters: reference, train');
});
