import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPeft } from '../../src/adapter/index.js';
import { convert } from '../../src/conversion/index.js';
import { FIXTURES } from '../adapter/bases.js';
import { dnd, dndJson } from '../cli/run-cli.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);
const PEFT = join(FIXTURES, 'gguf', 'tiny_llama_peft');
const GGUF = join(FIXTURES, 'gguf', 'tiny_llama.gguf');
const CONFIG = {
  model_type: 'llama',
  _name_or_path: 'tiny/llama',
  hidden_size: 32,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 60,
  num_hidden_layers: 3,
};

beforeEach(async () => {
  await mkdir(at('base'));
  await writeFile(join(at('base'), 'config.json'), JSON.stringify(CONFIG));
});

test('a PEFT folder becomes a GGUF file and a PEFT folder again', async () => {
  const { facts, from, to, notes } = await convert(PEFT, at('a.gguf'), { base: at('base') });
  expect([from, to]).toEqual(['peft', 'gguf']);
  expect(facts).toMatchObject({
    ranks: [3],
    useRslora: true,
    modules: 21,
    architecture: 'llama',
    tensorTypes: { F32: 42 },
  });
  // Rank 3 can be served with vLLM, but not as its own limit.
  expect(notes).toEqual([expect.stringContaining('--max-lora-rank 8')]);
  await convert(at('a.gguf'), at('peft'), { base: at('base') });
  const [before, after] = [await readPeft(PEFT), await readPeft(at('peft'))];
  expect(after.config).toMatchObject({ rank: 3, baseModelName: 'tiny/llama' });
  for (const [name, { data }] of before.tensors) expect([...after.tensors.get(name)!.data]).toEqual([...data]);
});

test('a GGUF file becomes one of another dtype', async () => {
  const { facts } = await convert(GGUF, at('a.gguf'), { base: at('base'), dtype: 'q8_0' });
  expect(facts.tensorTypes).toEqual({ F16: 24, Q8_0: 18 });
});

test('what cannot be converted is refused by what was expected', async () => {
  await writeFile(at('x.txt'), 'text');
  await expect(convert(at('x.txt'), at('a.gguf'))).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringMatching(/this file cannot be converted; expected .*GGUF.*PEFT/),
  });
  await expect(convert(at('none'), at('a.gguf'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(convert(GGUF, at('peft'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(convert(GGUF, at('peft'), { base: at('base'), dtype: 'q8_0' })).rejects.toThrow(
    /"q8_0" of PEFT folders/,
  );
  await expect(convert(PEFT, at('a.gguf'))).rejects.toThrow(/--base/);
  expect((await readdir(folder())).sort()).toEqual(['base', 'x.txt']);
});

describe('dnd convert', () => {
  test('prints what it wrote, and as JSON', async () => {
    const { code, stdout } = await dnd(['convert', PEFT, at('a.gguf'), '--base', at('base'), '--dtype', 'f16']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^output +.*a\.gguf \(gguf\)$/m);
    expect(stdout).toMatch(/^tensor types +42 F16$/m);
    expect(stdout).toMatch(/^note +rank 3 /m);
    const { result } = await dndJson<object>(['convert', at('a.gguf'), at('peft'), '--base', at('base')]);
    expect(result).toMatchObject({ from: 'gguf', to: 'peft', facts: { baseModel: 'tiny/llama', modules: 21 } });
  });

  test('does not replace an output without --force', async () => {
    await writeFile(at('a.gguf'), 'old');
    const arguments_ = ['convert', PEFT, at('a.gguf'), '--base', at('base')];
    const { code, stderr } = await dnd(arguments_);
    expect([code, stderr]).toEqual([1, expect.stringContaining('--force')]);
    expect(await readFile(at('a.gguf'), 'utf8')).toBe('old');
    expect((await dnd([...arguments_, '--force'])).code).toBe(0);
  });

  test('without a base that is needed, it is a usage error', async () => {
    expect(await dnd(['convert', GGUF, at('peft')])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--base'),
    });
  });
});
