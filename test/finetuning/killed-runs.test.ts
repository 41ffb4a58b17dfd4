import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { openPairs } from '../../src/training/pairs/index.js';
import { TYPESCRIPT } from '../engine/child.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { filesOf, writeTasks } from './workshop.js';

const COMMAND = [...TYPESCRIPT, join(__dirname, '../../src/cli/main.ts')];
const JOINT = 8;
const STEPS = 6;
const CHECKPOINTS = 5;
const TASKS = 3;
const ALL_STEPS = JOINT + TASKS * (STEPS + CHECKPOINTS);
const KILLS = 8;

jest.setTimeout(120_000);

const folder = useTemporaryFolder();

interface End {
  code: number | null;
  signal: string | null;
  steps: number;
  stderr: string;
}

/** Runs the command; kills it `delayMs` after its step number `killAfter`. */
async function dnd(argv: readonly string[], kill?: { afterSteps: number; delayMs: number }): Promise<End> {
  const child = spawn(process.execPath, [...COMMAND, ...argv, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let steps = 0;
  if (kill?.afterSteps === 0) setTimeout(() => child.kill('SIGKILL'), kill.delayMs);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('"loss"') && line.includes('"step"')) steps++;
    if (steps === kill?.afterSteps) setTimeout(() => child.kill('SIGKILL'), kill.delayMs);
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, steps, stderr };
}

test('runs that are killed at random moments and resumed end with the bytes of an uninterrupted one', async () => {
  const base = await writeTinyBase(join(folder(), 'base'));
  const tasks = await writeTasks(join(folder(), 'tasks'));
  const start = (out: string) => [
    ...['finetune', '--base', base, '--tasks', tasks, '--out', out, '--rank', '2', '--joint-steps', String(JOINT)],
    ...['--steps', String(STEPS), '--checkpoints', String(CHECKPOINTS), '--batch', '3', '--save-every', '2'],
  ];
  const reference = join(folder(), 'uninterrupted');
  expect(await dnd(start(reference))).toMatchObject({ code: 0, steps: ALL_STEPS, stderr: '' });
  await openPairs(reference);

  const random = SplitMix64.seeded(3);
  const out = join(folder(), 'killed');
  let kills = 0;
  let leftovers = 0;
  for (let ended = false; !ended; ) {
    const resumed = existsSync(join(out, 'finetune.json'));
    const argv = resumed ? ['finetune', '--resume', out] : start(out);
    const threads = ['--threads', String(1 + random.below(2))];
    // At first soon after the process has started, later after a few steps.
    const kill = { afterSteps: kills === 0 ? 0 : 1 + random.below(9), delayMs: random.below(kills === 0 ? 200 : 25) };
    const { code, signal, stderr } = await dnd([...argv, ...threads], kills < KILLS ? kill : undefined);
    if (signal === 'SIGKILL') kills++;
    else expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    ended = code === 0;
    if (existsSync(join(out, '.finetune'))) leftovers++;
    // What has a final name is whole.
    for (const name of await readdir(out).catch((): string[] => []))
      if (['animals', 'plants', 'stones'].includes(name))
        expect(await readdir(join(out, name, 'checkpoints'))).toHaveLength(CHECKPOINTS);
  }
  expect(kills).toBe(KILLS);
  expect(leftovers).toBeGreaterThan(KILLS / 2);

  const [ours, theirs] = [await filesOf(out), await filesOf(reference)];
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  for (const [name, bytes] of theirs) {
    const same = name === 'finetune.json' || bytes.equals(ours.get(name)!);
    expect([name, same]).toEqual([name, true]);
  }
  // The number of threads is not what decides the bytes.
  const described = ({ threads: _, ...settings }: Record<string, unknown>) => settings;
  const [own, expected] = [ours, theirs].map((files) => JSON.parse(String(files.get('finetune.json'))));
  expect({ ...own, settings: described(own.settings) }).toEqual({
    ...expected,
    settings: described(expected.settings),
  });
});
