import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { partialName, removeLeftovers, writeFileAtomically, writeFolderAtomically } from '../../src/files/index.js';
import { ownIdentity } from '../../src/files/process-identity.js';
import { TYPESCRIPT } from '../engine/child.js';
import { useTemporaryFolder } from '../temporary-folder.js';

jest.setTimeout(60_000);

const folder = useTemporaryFolder();
const fill = (staging: string) => writeFile(join(staging, 'b.txt'), 'whole');

/** What another process has left in the folder; without changes, it is one of this system that has ended. */
async function leave(
  name: string,
  kind: 'partial' | 'replaced' | 'removed',
  changes: Partial<ReturnType<typeof ownIdentity>> = {},
): Promise<string> {
  const { system, pid, startTime } = { ...ownIdentity(), startTime: '1', ...changes };
  const hidden = `.${name}.${kind}-${system}-${pid}-${startTime}-0123abcd`;
  await mkdir(join(folder(), hidden));
  await writeFile(join(folder(), hidden, 'a.txt'), name);
  return hidden;
}

describe('what a process leaves that is killed while it writes a folder', () => {
  let child: ChildProcess;
  beforeEach(async () => {
    const program = join(__dirname, 'programs', 'write-slowly.ts');
    child = spawn(process.execPath, [...TYPESCRIPT, program, join(folder(), 'out')], { stdio: ['ignore', 'pipe', 2] });
    await once(child.stdout!, 'data');
  });
  afterEach(() => child.kill('SIGKILL'));

  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  };

  test('is left alone while the process runs, and removed by the next that writes beside it', async () => {
    await writeFolderAtomically(join(folder(), 'other'), {}, fill);
    const names = await readdir(folder());
    expect(names).toHaveLength(2);
    const hidden = names.find((name) => name.startsWith('.out.partial-'))!;
    expect(await readdir(join(folder(), hidden))).toEqual(['a.txt']);
    await kill();
    await writeFolderAtomically(join(folder(), 'third'), {}, fill);
    expect((await readdir(folder())).sort()).toEqual(['other', 'third']);
  });

  test('is removed by the next that writes a file there', async () => {
    await writeFileAtomically(join(folder(), 'file'), '');
    expect(await readdir(folder())).toHaveLength(2);
    await kill();
    await writeFileAtomically(join(folder(), 'file'), '');
    expect(await readdir(folder())).toEqual(['file']);
  });
});

test('leftovers of a process whose number another process has by now are removed', async () => {
  await leave('out', 'partial', { pid: process.pid, startTime: '1' });
  await removeLeftovers(folder());
  expect(await readdir(folder())).toEqual([]);
});

test('what this process, one of another machine, or nobody known is writing is left alone', async () => {
  const names = [
    await leave('own', 'partial', { startTime: ownIdentity().startTime }),
    await leave('elsewhere', 'partial', { system: '0123456789ab' }),
    await leave('elsewhere', 'replaced', { system: '0123456789ab' }),
    basename(partialName(join(folder(), 'own'), 'removed')),
    '.out.partial-12-0123abcd',
    '.out.partial-notes',
  ];
  for (const name of names) await mkdir(join(folder(), name), { recursive: true });
  await removeLeftovers(folder());
  expect((await readdir(folder())).sort()).toEqual([...names].sort());
});

test('a folder that was being replaced when the process was killed gets its name back', async () => {
  await leave('out', 'replaced');
  await leave('out', 'partial');
  await writeFolderAtomically(join(folder(), 'other'), {}, fill);
  expect((await readdir(folder())).sort()).toEqual(['other', 'out']);
  expect(await readFile(join(folder(), 'out', 'a.txt'), 'utf8')).toBe('out');
});

test('a folder that had been replaced when the process was killed is removed', async () => {
  await writeFolderAtomically(join(folder(), 'out'), {}, fill);
  await leave('out', 'replaced');
  await leave('gone', 'removed');
  await removeLeftovers(folder());
  expect(await readdir(folder())).toEqual(['out']);
  expect(await readdir(join(folder(), 'out'))).toEqual(['b.txt']);
});

test('a replaced folder whose name is too long to be recorded stays where it is', async () => {
  const hidden = await leave('x'.repeat(40), 'replaced');
  await removeLeftovers(folder());
  expect(await readdir(folder())).toEqual([hidden]);
});

test('hidden names of paths with the longest names fit and are found again', async () => {
  const path = partialName(join(folder(), 'ü'.repeat(127)), 'replaced');
  await mkdir(path);
  expect(Buffer.byteLength(basename(path))).toBeLessThanOrEqual(255);
});
