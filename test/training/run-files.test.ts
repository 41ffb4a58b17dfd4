import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { partialName } from '../../src/files/index.js';
import { ownIdentity } from '../../src/files/process-identity.js';
import { MetricsFile } from '../../src/training/metrics-file.js';
import {
  checkpointPath,
  listCheckpoints,
  makeRunFolder,
  removeLeftovers,
  removeOldCheckpoints,
} from '../../src/training/run-folder.js';
import { RunLock } from '../../src/training/run-lock.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

describe('the lock of a run', () => {
  test('is taken by one, and free again when it is released', async () => {
    const lock = await RunLock.take(at());
    await expect(RunLock.take(at())).rejects.toMatchObject({
      code: 'RUN_IN_USE',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await lock.release();
    await (await RunLock.take(at())).release();
    expect(await readdir(at())).toEqual([]);
  });

  test('goes to one of many who ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => RunLock.take(at())));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('of a process that has ended goes to one of many who find it', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'close');
    await writeFile(at('.lock'), JSON.stringify({ host: hostname(), pid: child.pid, began: '1' }));
    const asked = await Promise.allSettled(Array.from({ length: 20 }, () => RunLock.take(at())));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(at())).toEqual(['.lock']);
  });

  test('of a living process with the number of one that has ended is stale', async () => {
    await writeFile(at('.lock'), JSON.stringify({ host: hostname(), pid: process.pid, began: 'long ago' }));
    await (await RunLock.take(at())).release();
  });

  test('of a living process is respected', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => undefined);
    const began = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
    await writeFile(at('.lock'), JSON.stringify({ host: hostname(), pid: child.pid, began }));
    await expect(RunLock.take(at())).rejects.toMatchObject({ code: 'RUN_IN_USE' });
    child.kill('SIGKILL');
    await once(child, 'close');
    await (await RunLock.take(at())).release();
  });

  test.each(['', 'not JSON', '{"host":"x"}'])('without an owner (%j) is stale', async (content) => {
    await writeFile(at('.lock'), content);
    await (await RunLock.take(at())).release();
  });

  test('is left to who has taken it since', async () => {
    const lock = await RunLock.take(at());
    await writeFile(at('.lock'), 'another');
    await lock.release();
    expect(await readFile(at('.lock'), 'utf8')).toBe('another');
  });
});

describe('metrics.jsonl', () => {
  test('grows by lines, and is truncated when the run is resumed', async () => {
    const { file } = await MetricsFile.open(at('m.jsonl'), 0);
    await file.append({ step: 1 });
    const kept = file.bytes;
    await file.append({ step: 2 });
    await file.sync();
    await file.close();
    expect(await readFile(at('m.jsonl'), 'utf8')).toBe('{"step":1}\n{"step":2}\n');
    const again = await MetricsFile.open(at('m.jsonl'), kept);
    expect(again.shorter).toBe(false);
    await again.file.append({ step: 'two' });
    await again.file.close();
    expect(await readFile(at('m.jsonl'), 'utf8')).toBe('{"step":1}\n{"step":"two"}\n');
    const shorter = await MetricsFile.open(at('m.jsonl'), 1000);
    expect([shorter.shorter, shorter.file.bytes]).toEqual([true, 26]);
    await shorter.file.close();
  });

  test('that cannot be written is named', async () => {
    await mkdir(at('m.jsonl'));
    await expect(MetricsFile.open(at('m.jsonl'), 0)).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });
});

describe("a run's folder", () => {
  test('is made where there is nothing, or what a run that never began has left', async () => {
    await makeRunFolder(at('new', 'run'));
    await mkdir(at('new', 'run', 'cache'));
    await writeFile(at('new', 'run', '.lock'), '');
    await writeFile(at('new', 'run', '.run.json.partial-12-abcdef'), '');
    await makeRunFolder(at('new', 'run'));
    await removeLeftovers(at('new', 'run'));
    expect((await readdir(at('new', 'run'))).sort()).toEqual(['.lock', 'cache']);
    await writeFile(at('new', 'run', 'thesis.tex'), '');
    await expect(makeRunFolder(at('new', 'run'))).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('thesis.tex'),
    });
    await writeFile(at('new', 'run', 'run.json'), '');
    await expect(makeRunFolder(at('new', 'run'))).rejects.toMatchObject({
      message: expect.stringContaining('--resume'),
    });
    await expect(makeRunFolder(at('new', 'run', 'thesis.tex'))).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });

  test('loses what killed processes left, wherever it is, but not what another process is still writing', async () => {
    const killed = (name: string) => `.${name}.partial-${ownIdentity().system}-${process.pid}-1-0123abcd`;
    for (const place of ['.', 'checkpoints', 'cache/prompts/way']) {
      await mkdir(at(place, killed('left')), { recursive: true });
      await writeFile(at(place, killed('left'), 'big.bin'), '');
      await writeFile(at(place, '.old.partial-12-abcdef'), '');
      await writeFile(at(place, 'kept'), '');
    }
    const report = basename(partialName(at('report.html')));
    await writeFile(at(report), '');
    await removeLeftovers(at());
    expect((await readdir(at())).sort()).toEqual([report, 'cache', 'checkpoints', 'kept']);
    expect(await readdir(at('checkpoints'))).toEqual(['kept']);
    expect(await readdir(at('cache', 'prompts', 'way'))).toEqual(['kept']);
  });

  test('lists checkpoints by their steps, whole ones only, and keeps the newest', async () => {
    expect(await listCheckpoints(at())).toEqual([]);
    for (const step of [100, 9, 1234567]) await mkdir(checkpointPath(at(), step), { recursive: true });
    for (const name of ['.step-000200.partial-1-ab', 'step-000300.unreadable', 'step-9', 'notes'])
      await mkdir(at('checkpoints', name));
    expect((await listCheckpoints(at())).map(({ step }) => step)).toEqual([9, 100, 1234567]);
    await removeOldCheckpoints(at(), 2);
    expect((await listCheckpoints(at())).map(({ step }) => step)).toEqual([100, 1234567]);
  });
});
