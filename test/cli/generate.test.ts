import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { readGgufAdapter } from '../../src/adapter/gguf/index.js';
import { readMlx, readPeft } from '../../src/adapter/index.js';
import type { GenerationReport } from '../../src/generator/report.js';
import { UNTRAINED } from '../../src/generator/untrained-notice.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

const { at, generateArguments, init, promptFile } = useWorkshop();

describe('dnd generate', () => {
  test.each([
    ['prompts.txt', 'one prompt\nanother prompt\n'],
    ['prompts.json', '[{"prompt": "one prompt", "response": "x"}, "another prompt"]'],
    ['prompts.jsonl', '{"prompt": "one prompt"}\n{"prompt": "another prompt"}\n'],
    ['prompts.csv', 'prompt,answer\none prompt,x\nanother prompt,y\n'],
  ])('makes an adapter of %s, the same one as of standard input', async (name, content) => {
    await init();
    const file = await promptFile(name, content);
    const { code, stdout } = await dnd(generateArguments([file]));
    expect(code).toBe(0);
    expect(stdout).toContain('2 prompts for a generator that takes 4: 2 used (seed 0), 2 draws repeated');
    expect(stdout).toContain(UNTRAINED);
    const written = await readFile(at('adapter', 'adapter_model.safetensors'));
    const piped = await dnd(generateArguments(['-'], '--force'), { stdin: 'one prompt\nanother prompt' });
    expect(piped.code).toBe(0);
    expect(await readFile(at('adapter', 'adapter_model.safetensors'))).toEqual(written);
  });

  test('uses every prompt of a file when told', async () => {
    await init();
    const file = await promptFile('many.txt', Array.from({ length: 9 }, (_, index) => `prompt ${index}`).join('\n'));
    const { stdout } = await dnd(generateArguments([file], '--all-prompts'));
    expect(stdout).toContain(
      '9 prompts for a generator that takes 4: 9 used (seed 0), mean of 3 groups, 3 draws repeated',
    );
  });

  test.each([
    ['bf16', 2],
    ['f16', 2],
    ['f32', 4],
  ])('saves %s when told', async (dtype, bytes) => {
    await init();
    const { code } = await dnd(generateArguments([await promptFile('p.txt', 'one')], '--dtype', dtype));
    expect(code).toBe(0);
    const { tensors, config } = await readPeft(at('adapter'));
    expect(config).toMatchObject({ rank: 2, alpha: 4, baseModelName: 'tiny/qwen2' });
    const elements = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    const { size } = await stat(at('adapter', 'adapter_model.safetensors'));
    expect(size).toBeGreaterThan(elements * bytes);
    expect(size).toBeLessThan(elements * bytes + 8000);
  });

  test.each([
    ['gguf', ['adapter.gguf']],
    ['mlx', ['adapter_config.json', 'adapters.safetensors']],
    ['all', ['adapter.gguf', 'adapter_config.json', 'adapter_model.safetensors', 'mlx']],
  ])('saves as %s when told', async (format, files) => {
    await init();
    const prompts = [await promptFile('p.txt', 'one')];
    const peft = await dnd(generateArguments(prompts, '--dtype', 'f32'));
    expect(peft.code).toBe(0);
    const { tensors } = await readPeft(at('adapter'));
    // Any kind of adapter is replaced by any other.
    const { code } = await dnd(generateArguments(prompts, '--dtype', 'f32', '--format', format, '--force'));
    expect(code).toBe(0);
    expect((await readdir(at('adapter'))).sort()).toEqual(files);
    if (format === 'mlx') return;
    const gguf = await readGgufAdapter(at('adapter', 'adapter.gguf'));
    expect(gguf.config).toMatchObject({ rank: 2, alpha: 4, baseModelName: 'tiny/qwen2' });
    expect(gguf.tensors.size).toBe(tensors.size);
    for (const [name, { data }] of tensors) expect([...gguf.tensors.get(name)!.data]).toEqual([...data]);
  });

  test('refuses a dtype that a format does not have, before any work', async () => {
    const refused = await dnd(generateArguments(['nothing.txt'], '--dtype', 'q8_0', '--format', 'all'));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('"q8_0"')]);
    await init();
    const prompts = [await promptFile('p.txt', 'one')];
    const { code } = await dnd(generateArguments(prompts, '--dtype', 'q8_0', '--format', 'gguf'));
    expect(code).toBe(0);
  });

  test('--format mlx saves the same adapter for mlx-lm, and all keeps it in a folder of its own', async () => {
    await init();
    const file = await promptFile('p.txt', 'one');
    const generate = (format: string) =>
      dnd(generateArguments([file], '--format', format, '--dtype', 'f32', '--force'));
    expect((await generate('mlx')).code).toBe(0);
    expect((await readdir(at('adapter'))).sort()).toEqual(['adapter_config.json', 'adapters.safetensors']);
    const mlx = await readMlx(at('adapter'));
    expect((await generate('all')).code).toBe(0);
    const peft = await readPeft(at('adapter'));
    expect(peft.tensors.size).toBeGreaterThan(0);
    expect(mlx.tensors.size).toBe(peft.tensors.size);
    for (const [name, tensor] of peft.tensors) expect(mlx.tensors.get(name)).toEqual(tensor);
    expect((await readMlx(at('adapter', 'mlx'))).tensors).toEqual(mlx.tensors);
  });

  test('threads make no difference, the seed does', async () => {
    await init();
    const file = await promptFile('p.txt', Array.from({ length: 9 }, (_, index) => `prompt ${index}`).join('\n'));
    const bytes: Buffer[] = [];
    for (const more of [
      ['--threads', 1],
      ['--threads', 4],
      ['--seed', 1],
    ]) {
      expect((await dnd(generateArguments([file], '--force', ...more))).code).toBe(0);
      bytes.push(await readFile(at('adapter', 'adapter_model.safetensors')));
    }
    expect(bytes[1]).toEqual(bytes[0]);
    expect(bytes[2]).not.toEqual(bytes[0]);
  });

  test('reads the fields that the options name, after the given text, and names folders without extensions', async () => {
    await init();
    const plain = await promptFile('plain.json', JSON.stringify(['Be brief.\none', 'Be brief.\ntwo']));
    const named = await promptFile('named.csv.gz', gzipSync('frage;prompt\none;x\ntwo;y\n'));
    expect((await dnd(generateArguments([plain]))).code).toBe(0);
    const expected = await readFile(at('adapter', 'adapter_model.safetensors'));
    const options = ['--prompt-field', 'frage', '--system', 'Be brief.'];
    expect((await dnd(generateArguments([named], '--force', ...options))).code).toBe(0);
    expect(await readFile(at('adapter', 'adapter_model.safetensors'))).toEqual(expected);
    expect((await dnd(generateArguments([named, named], '--out', at('two'), ...options))).stderr).toContain(
      at('two', 'named'),
    );
  });

  test('makes several adapters of several files, each as if it were alone, in folders named after them', async () => {
    await init();
    const files = [await promptFile('law.txt', 'sue\nsettle'), await promptFile('sums.json', '["1+1"]')];
    const { result } = await dndJson<{ prompts: string; adapter: string; dtype: string; report: GenerationReport }[]>(
      generateArguments([files[0]!, files[1]!, '-']),
      { stdin: 'piped' },
    );
    expect(result.map(({ prompts, adapter }) => [prompts, adapter])).toEqual([
      [files[0], at('adapter', 'law')],
      [files[1], at('adapter', 'sums')],
      ['-', at('adapter', 'stdin')],
    ]);
    expect(result[0]!.report.prompts).toMatchObject({ given: 2, used: 2, repeated: 2 });
    expect(result[0]!.report.batch).toBe(3);
    const together = await readFile(at('adapter', 'sums', 'adapter_model.safetensors'));
    await dnd(['generate', '--generator', at('generator'), '--prompts', files[1]!, '--out', at('alone')]);
    expect(await readFile(at('alone', 'adapter_model.safetensors'))).toEqual(together);
  });

  test.each(['...txt', '..txt'])('refuses %s, whose adapter would replace what is around its folder', async (name) => {
    await init();
    await mkdir(at('place', 'adapters'), { recursive: true });
    await writeFile(at('place', 'precious'), 'x');
    const files = [await promptFile(name, 'one'), await promptFile('b.txt', 'two')];
    const { code, stderr } = await dnd(generateArguments(files, '--out', at('place', 'adapters'), '--force'));
    expect(code).toBe(2);
    expect(stderr).toContain(`the adapter of the file ${at(name)}`);
    expect((await readdir(at('place'))).sort()).toEqual(['adapters', 'precious']);
    expect((await dnd(generateArguments([files[0]!]))).code).toBe(0);
  });

  test('refuses an empty --out, of one file and of several, before any work', async () => {
    const files = [await promptFile('a.txt', 'one'), await promptFile('b.txt', 'two')];
    for (const prompts of [files, [files[0]!]]) {
      const { code, stderr } = await dnd(generateArguments(prompts, '--out', '', '--force'));
      expect(code).toBe(2);
      expect(stderr).toBe(
        'error: --out: is not a path; expected a text of 1 to 4096 characters, got "". Name the folder or file; "." is the working folder\n',
      );
    }
  });

  test('a second run adds to the folder of several adapters, and replaces only with --force', async () => {
    await init();
    const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((name) => promptFile(`${name}.txt`, name)));
    expect((await dnd(generateArguments([one!, two!]))).code).toBe(0);
    const clash = await dndJson(generateArguments([three!, two!]));
    expect(clash).toMatchObject({ code: 1, result: { error: { code: 'OUTPUT_EXISTS' } } });
    expect((await readdir(at('adapter'))).sort()).toEqual(['one', 'two']);
    expect((await dnd(generateArguments([three!, two!], '--force'))).code).toBe(0);
    expect((await readdir(at('adapter'))).sort()).toEqual(['one', 'three', 'two']);
  });

  test('shows a bar on a terminal, and takes it away', async () => {
    await init();
    const { stderr, stdout } = await dnd(generateArguments([await promptFile('p.txt', 'one')]), { terminal: true });
    expect(stderr).toContain('%');
    expect(stderr).not.toContain('…');
    expect(stdout).toContain('adapter');
  });
});

describe('dnd generate refuses, and leaves nothing behind:', () => {
  beforeEach(async () => {
    await init();
    await writeFile(at('good.txt'), 'a prompt');
  });

  async function refused(code: string, argv: readonly (string | number)[], setting?: Parameters<typeof dnd>[1]) {
    const before = (await readdir(at(), { recursive: true })).sort();
    const { code: exit, result, stderr } = await dndJson<{ error: { code: string; message: string } }>(argv, setting);
    expect({ exit, code: result.error?.code, stderr }).toEqual({ exit: 1, code, stderr: '' });
    expect((await readdir(at(), { recursive: true })).sort()).toEqual(before);
    return result.error.message;
  }

  test.each([
    ['a file without prompts', 'p.txt', '\n \n', 'INVALID_PROMPTS'],
    ['an empty list', 'p.json', '[]', 'INVALID_PROMPTS'],
    ['an empty prompt', 'p.json', '["a", ""]', 'INVALID_PROMPTS'],
    ['a file that is not UTF-8', 'p.txt', Uint8Array.of(0x61, 0xff, 0xfe, 0x0a), 'CORRUPT_FILE'],
    ['a file of an unknown kind', 'p.docx', 'x', 'INVALID_PROMPTS'],
  ])('%s', async (_what, name, content, code) => {
    const file = await promptFile(name, content);
    expect(await refused(code, generateArguments([file]))).toContain(file);
    expect(await refused(code, generateArguments([at('good.txt'), file]))).toContain(file);
  });

  test('a prompt file that is not there', async () => {
    expect(await refused('FILE_NOT_FOUND', generateArguments([at('none.txt')]))).toContain('none.txt');
  });

  test('empty standard input', async () => {
    expect(await refused('INVALID_PROMPTS', generateArguments(['-']))).toContain('standard input');
  });

  test('a generator that is not there, is damaged, or newer', async () => {
    await refused('FILE_NOT_FOUND', [...generateArguments([at('good.txt')]), '--generator', at('none')]);
    const path = at('generator', 'decoder.safetensors');
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, 5000));
    await refused('CORRUPT_FILE', generateArguments([at('good.txt')]));
    await writeFile(path, Buffer.concat([bytes, Buffer.alloc(4)]));
    await refused('CORRUPT_FILE', generateArguments([at('good.txt')]));
    await writeFile(at('generator', 'generator.json'), '{"formatVersion": 9}');
    await refused('NEWER_FORMAT', generateArguments([at('good.txt')]));
  });

  test('a memory limit that the decoder cannot keep to, and takes one that it can', async () => {
    await refused('OUT_OF_MEMORY', generateArguments([at('good.txt')], '--memory-limit', '100kB'));
    expect((await dnd(generateArguments([at('good.txt')], '--memory-limit', '1GB'))).code).toBe(0);
    expect((await dnd(generateArguments([at('good.txt')], '--force', '--memory-limit', 'much'))).code).toBe(2);
  });

  test('an existing adapter, before any work, and something else even with --force', async () => {
    expect((await dnd(generateArguments([at('good.txt')]))).code).toBe(0);
    const { mtimeMs } = await stat(at('adapter'));
    // This error would come first if the generator were looked up first.
    await refused('OUTPUT_EXISTS', [...generateArguments([at('good.txt')]), '--generator', at('none')]);
    expect((await stat(at('adapter'))).mtimeMs).toBe(mtimeMs);
    await refused('OUTPUT_EXISTS', [...generateArguments([at('good.txt')], '--force'), '--out', at('generator')]);
  });

  test('a failure with --force, and keeps the old adapter', async () => {
    expect((await dnd(generateArguments([at('good.txt')]))).code).toBe(0);
    const before = await readFile(at('adapter', 'adapter_model.safetensors'));
    await refused('FILE_NOT_FOUND', [...generateArguments([at('good.txt')], '--force'), '--generator', at('none')]);
    expect(await readFile(at('adapter', 'adapter_model.safetensors'))).toEqual(before);
  });

  test('an output below a file', async () => {
    await refused('NOT_WRITABLE', [...generateArguments([at('good.txt')]), '--out', at('good.txt', 'adapter')]);
  });

  test('an interruption, with exit code 130', async () => {
    const controller = new AbortController();
    const reason = new Error('interrupted');
    const { signal } = controller;
    setImmediate(() => controller.abort(reason));
    const before = (await readdir(at(), { recursive: true })).sort();
    const { code, stdout } = await dnd(generateArguments([at('good.txt'), '-']), { signal, stdin: 'x' });
    expect([code, stdout]).toEqual([130, '']);
    expect((await readdir(at(), { recursive: true })).sort()).toEqual(before);
  });
});

test('a generator needs the files of its base model no more', async () => {
  await init();
  const file = await promptFile('p.txt', 'one');
  expect((await dnd(generateArguments([file]))).code).toBe(0);
  const before = await readFile(at('adapter', 'adapter_model.safetensors'));
  await rm(at('base'), { recursive: true });
  expect((await dnd(generateArguments([file], '--force'))).code).toBe(0);
  expect(await readFile(at('adapter', 'adapter_model.safetensors'))).toEqual(before);
});
