import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TYPESCRIPT } from '../engine/child.js';
import { BEHAVIOUR_RUN, useBehaviourRuns } from './behaviour-workshop.js';
import { differencesOf } from './killed-runs.js';

jest.setTimeout(300_000);

const { at, complete } = useBehaviourRuns();

/** Runs `dnd`; kills it so many lines of JSON after its start. */
async function dnd(argv: readonly string[], killAfter: number | undefined): Promise<NodeJS.Signals | number | null> {
  const command = [...TYPESCRIPT, join(__dirname, '../../src/cli/main.ts'), ...argv, '--json'];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  let lines = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    if (++lines === killAfter) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'close');
  return signal ?? code;
}

test('a run with the behaviour loss that is killed and resumed ends with the bytes of an uninterrupted one', async () => {
  await complete('uninterrupted');
  const { features, kernelSize, encoder, loss, startDeviation, weightDecay, steps, batch, sequences } = BEHAVIOUR_RUN;
  const { learningRate, evaluateEvery, checkpointEvery } = BEHAVIOUR_RUN;
  const settings = {
    ...{ pairs: at('pairs'), base: at('base'), encoder, loss, out: at('killed') },
    ...{ features: JSON.stringify(features), 'kernel-size': kernelSize, 'start-deviation': startDeviation },
    ...{ 'weight-decay': weightDecay, steps, batch, sequences, 'learning-rate': learningRate },
    ...{ 'evaluate-every': evaluateEvery, 'checkpoint-every': checkpointEvery },
  };
  const start = ['train', ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])];
  // After the first evaluation, between checkpoints, and right after one; then to its end.
  const ends: (NodeJS.Signals | number | null)[] = [];
  for (const killAfter of [1, 4, 3, undefined]) {
    const resumed = existsSync(at('killed', 'run.json'));
    const threads = ['--threads', String(1 + (ends.length % 2))];
    ends.push(await dnd([...(resumed ? ['train', '--resume', at('killed')] : start), ...threads], killAfter));
  }
  expect(ends).toEqual(['SIGKILL', 'SIGKILL', 'SIGKILL', 0]);
  expect(await differencesOf(at('killed'), at('uninterrupted'))).toEqual([]);
});
