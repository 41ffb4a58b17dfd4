import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { UNTRAINED } from '../../src/generator/untrained-notice.js';
import { writeModel } from '../encoder/models.js';
import { createTiny, TINY_TOKENS } from '../generator/tiny.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

const { at, generateArguments, init, initArguments, promptFile } = useWorkshop();

describe('dnd init', () => {
  test('makes a generator, from the folder of a base model, and says that it is untrained', async () => {
    const { code, stdout, stderr } = await dnd(initArguments());
    expect(code).toBe(0);
    expect(stdout).toContain('tiny/qwen2');
    expect(stdout).toContain(UNTRAINED);
    expect(stderr).toBe('saving …\n');
    expect((await readdir(at('generator'))).sort()).toEqual(['decoder.safetensors', 'generator.json']);
  });

  test('with --json prints the manifest, and nothing else anywhere', async () => {
    const { result, stderr } = await dndJson<Record<string, unknown>>(initArguments('--seed', 5));
    expect(stderr).toBe('');
    expect(result).toMatchObject({ generator: at('generator'), notice: UNTRAINED });
    expect(result.manifest).toEqual(JSON.parse(await readFile(at('generator', 'generator.json'), 'utf8')));
    expect(result.manifest).toMatchObject({ training: { trained: false, seed: 5 }, adapter: { rank: 2, alpha: 4 } });
  });

  test('takes every setting', async () => {
    await init(
      '--alpha',
      3.5,
      '--rslora',
      '--chunk',
      64,
      '--padding',
      'zero',
      '--pooling',
      'none',
      '--max-length',
      20,
      '--threads',
      1,
      '--device',
      'cpu',
    );
    const manifest = JSON.parse(await readFile(at('generator', 'generator.json'), 'utf8'));
    expect(manifest).toMatchObject({
      condition: { maxLength: 20, padding: 'zero', pooling: 'none' },
      decoder: { projectedFrom: 20, kernelSize: 3 },
      adapter: { alpha: 3.5, useRslora: true, chunk: 64 },
    });
  });

  test('writes what Generator.create and save write, in either dtype', async () => {
    for (const dtype of ['f32', 'bf16'] as const) {
      await init('--force', '--dtype', dtype, '--seed', 4);
      using created = await createTiny({ seed: 4 });
      await created.save(at('created'), { dtype, force: true });
      for (const file of ['decoder.safetensors', 'generator.json'])
        expect(await readFile(at('generator', file))).toEqual(await readFile(at('created', file)));
    }
  });

  test('the same seed makes the same file, another seed another one', async () => {
    await init('--threads', 1);
    const first = await readFile(at('generator', 'decoder.safetensors'));
    await init('--force', '--threads', 3);
    expect(await readFile(at('generator', 'decoder.safetensors'))).toEqual(first);
    await init('--force', '--seed', 1);
    expect(await readFile(at('generator', 'decoder.safetensors'))).not.toEqual(first);
  });

  test('refuses modules that do not fit the features, and says what fits', async () => {
    const { code, stderr } = await dnd(initArguments('--modules', 'q_proj,v_proj'));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /with rank 2, chunk \d+ and modules q_proj, v_proj has \(.*make the last entry of features \[/,
    );
    expect(await readdir(at())).toEqual(['base']);
  });

  test.each([
    ['a base of an unknown family', { model_type: 'gpt2' }, 'UNSUPPORTED_BASE', 'gpt2'],
    ['a base without sizes', { model_type: 'qwen2' }, 'CORRUPT_FILE', 'hidden_size'],
  ])('refuses %s and leaves nothing behind', async (_what, config, code, sentence) => {
    const argv = initArguments();
    await writeFile(at('base', 'config.json'), JSON.stringify(config));
    const { code: exit, result } = await dndJson<{ error: { code: string; message: string } }>(argv);
    expect([exit, result.error.code]).toEqual([1, code]);
    expect(result.error.message).toContain(sentence);
    expect(await readdir(at())).toEqual(['base']);
  });

  test('refuses prompts too short for a token between the special ones of the encoder', async () => {
    await writeModel(at('bert'));
    const features = JSON.stringify([[4, 2, 24], [6, 6, 12], TINY_TOKENS]);
    const changes = ['--encoder', at('bert'), '--features', features] as const;
    const short = await dnd(initArguments(...changes, '--max-length', 2));
    expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining('maxLength 2 leaves no space') });
    expect(await readdir(at())).not.toContain('generator');
    const features3 = JSON.stringify([[4, 3, 24], [6, 6, 12], TINY_TOKENS]);
    expect((await dnd(initArguments('--encoder', at('bert'), '--features', features3))).code).toBe(0);
    const prompts = await promptFile('p.txt', 'ab c');
    expect((await dnd(generateArguments([prompts]))).code).toBe(0);
  });

  test('refuses an empty --out, and the working folder', async () => {
    const before = process.cwd();
    await mkdir(at('empty'));
    process.chdir(at('empty'));
    try {
      for (const [out, exit] of [
        ['', 2],
        ['.', 1],
      ] as const)
        expect((await dnd(initArguments('--out', out, '--force'))).code).toBe(exit);
      expect(await readdir('.')).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  test('refuses to replace a generator without --force, and anything else at all', async () => {
    await init();
    expect(await dndJson(initArguments())).toMatchObject({
      code: 1,
      result: { error: { code: 'OUTPUT_EXISTS' } },
    });
    await writeFile(at('file'), '');
    await mkdir(at('photos'));
    await writeFile(at('photos', 'one.jpg'), '');
    for (const out of ['file', 'photos'])
      expect(await dndJson(initArguments('--force', '--out', at(out)))).toMatchObject({
        code: 1,
        result: { error: { code: 'OUTPUT_EXISTS' } },
      });
    expect(await readdir(at('photos'))).toEqual(['one.jpg']);
  });
});
