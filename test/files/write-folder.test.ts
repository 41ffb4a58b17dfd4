import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { checkFolderOutput, writeFileAtomically, writeFolderAtomically } from '../../src/files/index.js';
import { TYPESCRIPT } from '../engine/child.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const fillWith = (text: string) => async (staging: string) => {
  await mkdir(join(staging, 'inner'));
  await writeFile(join(staging, 'inner', 'a.txt'), text);
};

test('a folder appears whole, in folders that are made on the way', async () => {
  const path = join(folder(), 'x', 'out');
  await writeFolderAtomically(path, {}, async (staging) => {
    expect(dirname(staging)).toBe(join(folder(), 'x'));
    expect(await readdir(join(folder(), 'x'))).not.toContain('out');
    await fillWith('1')(staging);
  });
  expect(await readFile(join(path, 'inner', 'a.txt'), 'utf8')).toBe('1');
  expect(await readdir(join(folder(), 'x'))).toEqual(['out']);
});

test('an existing empty folder is filled; one with something in it is refused and kept', async () => {
  const path = join(folder(), 'out');
  await mkdir(path);
  await writeFolderAtomically(path, {}, fillWith('1'));
  const fill = jest.fn(fillWith('2'));
  await expect(writeFolderAtomically(path, {}, fill)).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
    message: expect.stringContaining('--force'),
  });
  await expect(checkFolderOutput(path, {})).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  expect(fill).not.toHaveBeenCalled();
  expect(await readFile(join(path, 'inner', 'a.txt'), 'utf8')).toBe('1');
});

test('force replaces a folder whole, and only once the new one is complete', async () => {
  const path = join(folder(), 'out');
  await writeFolderAtomically(path, {}, fillWith('old'));
  await writeFile(join(path, 'stale.txt'), '');
  const failing = writeFolderAtomically(path, { force: true }, async (staging) => {
    await fillWith('new')(staging);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await readFile(join(path, 'inner', 'a.txt'), 'utf8')).toBe('old');
  await writeFolderAtomically(path, { force: true }, fillWith('new'));
  expect(await readFile(join(path, 'inner', 'a.txt'), 'utf8')).toBe('new');
  expect((await readdir(path)).sort()).toEqual(['inner']);
  expect(await readdir(folder())).toEqual(['out']);
});

test('force does not replace a folder without the file that marks it as ours', async () => {
  const path = join(folder(), 'documents');
  await mkdir(path);
  await writeFile(join(path, 'thesis.tex'), '');
  const options = { force: true, marker: 'adapter_config.json' };
  await expect(writeFolderAtomically(path, options, fillWith('x'))).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
    message: expect.stringContaining('has no adapter_config.json'),
  });
  await writeFile(join(path, 'adapter_config.json'), '');
  await writeFolderAtomically(path, options, fillWith('x'));
  expect(await readdir(path)).toEqual(['inner']);
});

test('force never replaces the home folder, the working folder, or one that holds them', async () => {
  for (const path of [homedir(), process.cwd(), dirname(process.cwd())]) {
    await expect(checkFolderOutput(path, { force: true })).rejects.toMatchObject({
      code: expect.stringMatching(/OUTPUT_EXISTS|NOT_WRITABLE/),
    });
  }
});

test('the working folder is not replaced even when it is empty: a shell would stand in a folder that is gone', async () => {
  const before = process.cwd();
  const path = join(folder(), 'empty');
  await mkdir(path);
  try {
    process.chdir(path);
    for (const name of ['.', path])
      await expect(writeFolderAtomically(name, {}, fillWith('x'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readdir('.')).toEqual([]);
  } finally {
    process.chdir(before);
  }
});

test('an empty path, which would be the working folder, is refused before anything is written', async () => {
  const fill = jest.fn();
  for (const force of [false, true])
    await expect(writeFolderAtomically('', { force }, fill)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('the folder to write'),
    });
  await expect(writeFileAtomically('', 'x')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(fill).not.toHaveBeenCalled();
});

test('a file of that name is refused, even by force', async () => {
  const path = join(folder(), 'file');
  await writeFile(path, 'precious');
  await expect(writeFolderAtomically(path, { force: true }, fillWith('x'))).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
    message: expect.stringContaining('is not a folder'),
  });
  expect(await readFile(path, 'utf8')).toBe('precious');
});

test('a link to a folder stays a link', async () => {
  await mkdir(join(folder(), 'real'));
  await symlink('real', join(folder(), 'link'));
  await writeFolderAtomically(join(folder(), 'link'), {}, fillWith('1'));
  expect(await readFile(join(folder(), 'real', 'inner', 'a.txt'), 'utf8')).toBe('1');
  await symlink('nowhere', join(folder(), 'dangling'));
  await expect(writeFolderAtomically(join(folder(), 'dangling'), {}, fillWith('1'))).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
  });
});

test('what appears under the name while the folder is being filled is not overwritten', async () => {
  const path = join(folder(), 'out');
  const writing = writeFolderAtomically(path, {}, async (staging) => {
    await fillWith('ours')(staging);
    await mkdir(path);
    await writeFile(join(path, 'theirs.txt'), '');
  });
  await expect(writing).rejects.toMatchObject({
    code: 'OUTPUT_EXISTS',
    message: expect.stringContaining(`${path} was made in the meantime, by another save or process`),
  });
  expect(await readdir(path)).toEqual(['theirs.txt']);
  expect(await readdir(folder())).toEqual(['out']);
});

describe('when a folder is replaced by several at once, all succeed and one of them stays:', () => {
  test('in one process', async () => {
    const path = join(folder(), 'out');
    const texts = Array.from({ length: 12 }, (_, index) => String(index));
    await Promise.all(
      texts.map((text) => writeFolderAtomically(path, { force: true, marker: 'inner' }, fillWith(text))),
    );
    expect(texts).toContain(await readFile(join(path, 'inner', 'a.txt'), 'utf8'));
    expect(await readdir(folder())).toEqual(['out']);
  });

  test('in several processes', async () => {
    const path = join(folder(), 'out');
    const program = join(__dirname, 'programs', 'save-often.ts');
    const run = (name: string) => promisify(execFile)(process.execPath, [...TYPESCRIPT, program, path, name]);
    await Promise.all(['a', 'b', 'c'].map(run));
    const [one, two] = await Promise.all(['one.txt', 'two.txt'].map((name) => readFile(join(path, name), 'utf8')));
    expect(one).toBe(two);
    expect(one).toMatch(/^[abc] 39$/);
    expect(await readdir(folder())).toEqual(['out']);
  });

  test('without force the first is kept, and the others fail with the reason', async () => {
    const path = join(folder(), 'out');
    const both = Promise.allSettled([1, 2].map((text) => writeFolderAtomically(path, {}, fillWith(String(text)))));
    const refused = (await both).filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.map(({ reason }) => [reason.code, reason.message.includes('in the meantime')])).toEqual([
      ['OUTPUT_EXISTS', true],
    ]);
    expect(await readdir(folder())).toEqual(['out']);
  });
});

test('errors name files as they are called in the end, not as while the folder is being filled', async () => {
  const path = join(folder(), 'out');
  const writing = writeFolderAtomically(path, {}, async (staging) => {
    await writeFile(join(staging, 'a'), '');
    await writeFileAtomically(join(staging, 'a', 'b'), '');
  });
  await expect(writing).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: `${join(path, 'a', 'b')} cannot be written: a file with that name exists`,
  });
});

test('a failure or an abort leaves nothing, not even the folders made on the way', async () => {
  const path = join(folder(), 'x', 'y', 'out');
  await expect(
    writeFolderAtomically(path, {}, async () => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  const controller = new AbortController();
  const aborted = writeFolderAtomically(path, { signal: controller.signal }, async (staging) => {
    await fillWith('1')(staging);
    controller.abort('stop');
  });
  await expect(aborted).rejects.toBe('stop');
  expect(await readdir(folder())).toEqual([]);
});

test('a place below a file is not writable', async () => {
  await writeFile(join(folder(), 'file'), '');
  const writing = writeFolderAtomically(join(folder(), 'file', 'out'), {}, fillWith('1'));
  await expect(writing).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
});
