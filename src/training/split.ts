import { DndError } from '../errors.js';
import { SplitMix64 } from '../random/split-mix.js';
import { nearest, quoteValue } from '../validation/index.js';
import type { Checkpoint, Task } from './pairs/types.js';
import type { TrainingSettings } from './settings.js';
import { nameNumber, STREAMS } from './streams.js';

/** A training task with its training checkpoints. */
export interface TrainingTask {
  task: Task;
  checkpoints: readonly Checkpoint[];
}

/** A task whose checkpoints are compared with adapters generated from its prompts. */
export interface EvaluatedTask {
  task: Task;
  heldOut: 'task' | 'checkpoints' | 'none';
  checkpoints: readonly Checkpoint[];
}

export interface Split {
  training: TrainingTask[];
  evaluation: EvaluatedTask[];
}

/** Minimum checkpoints of a task for one to be held out. */
const ENOUGH_CHECKPOINTS = 5;

/**
 * Splits checkpoints into training and evaluation. The choice depends on the seed, the names and their number, so that
 * a new checkpoint changes little. If nothing is held out, evaluation uses training checkpoints.
 * @throws DndError INVALID_ARGUMENT for an unknown task, or if none is left for training
 */
export function splitPairs(
  tasks: readonly Task[],
  { seed, heldOutTasks, heldOutCheckpoints }: Pick<TrainingSettings, 'seed' | 'heldOutTasks' | 'heldOutCheckpoints'>,
): Split {
  const names = tasks.map(({ name }) => name);
  for (const name of heldOutTasks ?? [])
    if (!names.includes(name))
      throw new DndError(
        'INVALID_ARGUMENT',
        `heldOutTasks: there is no task ${quoteValue(name)} in the pairs; did you mean ${nearest(name, names)}?`,
      );
  const training: TrainingTask[] = [];
  const evaluation: EvaluatedTask[] = [];
  for (const task of tasks) {
    if (heldOutTasks?.includes(task.name) ?? task.heldOut) {
      evaluation.push({ task, heldOut: 'task', checkpoints: task.checkpoints });
      continue;
    }
    const excluded = heldOutOf(task.checkpoints, heldOutCheckpoints, seed);
    training.push({ task, checkpoints: task.checkpoints.filter((checkpoint) => !excluded.has(checkpoint)) });
    if (excluded.size > 0)
      evaluation.push({
        task,
        heldOut: 'checkpoints',
        checkpoints: task.checkpoints.filter((one) => excluded.has(one)),
      });
  }
  if (training.length === 0)
    throw new DndError('INVALID_ARGUMENT', 'heldOutTasks: every task is held out. Leave at least one to train on');
  if (evaluation.length === 0) evaluation.push(...training.map((one) => ({ ...one, heldOut: 'none' as const })));
  return { training, evaluation };
}

function heldOutOf(checkpoints: readonly Checkpoint[], share: number, seed: number): Set<Checkpoint> {
  const least = share > 0 && checkpoints.length >= ENOUGH_CHECKPOINTS ? 1 : 0;
  const count = Math.min(Math.max(Math.round(share * checkpoints.length), least), checkpoints.length - 1);
  const lots = checkpoints.map((checkpoint) => ({ checkpoint, lot: lotOf(checkpoint, seed) }));
  lots.sort((one, other) => one.lot - other.lot || (one.checkpoint.name < other.checkpoint.name ? -1 : 1));
  return new Set(lots.slice(0, count).map(({ checkpoint }) => checkpoint));
}

function lotOf({ name }: Checkpoint, seed: number): number {
  return SplitMix64.derived(seed, STREAMS.heldOut, nameNumber(name)).below(Number.MAX_SAFE_INTEGER);
}
