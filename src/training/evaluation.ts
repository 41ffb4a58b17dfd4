import type { AdapterLayout } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { FitSums } from './fit-sums.js';
import type { HiddenStatesCache } from './hidden-states-cache.js';
import type { Evaluation, TaskEvaluation } from './metrics.js';
import type { Checkpoint } from './pairs/types.js';
import type { Targets } from './targets.js';

/** A task with the prompts and checkpoints that it is evaluated with, the same ones each time. */
export interface EvaluationTask {
  name: string;
  heldOut: TaskEvaluation['heldOut'];
  texts: readonly string[];
  checkpoints: readonly Checkpoint[];
}

export interface EvaluationParts {
  engine: Pick<TrainerEngine, 'forward'>;
  layout: AdapterLayout;
  importance: Float32Array | null;
  states: HiddenStatesCache;
  targets: Targets;
  /** Tasks that go through the decoder together. */
  together: number;
}

/**
 * Generates weight tokens for each task once, without noise, and compares them with those of its checkpoints.
 * @throws DndError NOT_FINITE for weight tokens that are not; as `TrainerEngine.forward`; `signal.reason`
 */
export async function evaluateTasks(
  tasks: readonly EvaluationTask[],
  parts: EvaluationParts,
  { signal, onProgress }: LongOperation,
): Promise<Pick<Evaluation, 'tasks' | 'cells'>> {
  const all = new FitSums(parts.layout, parts.importance);
  const evaluated: TaskEvaluation[] = [];
  for (let start = 0; start < tasks.length; start += parts.together) {
    const group = tasks.slice(start, start + parts.together);
    const tokens = await generate(group, parts, signal);
    for (const [place, task] of group.entries()) {
      const { size } = parts.layout;
      const sums = new FitSums(parts.layout, parts.importance);
      for (const checkpoint of task.checkpoints)
        await sums.add(
          tokens.subarray(place * size, (place + 1) * size),
          await parts.targets.of(checkpoint, signal),
          signal,
        );
      all.addAll(sums);
      evaluated.push(describe(task, sums));
      onProgress?.(evaluated.length / tasks.length);
    }
  }
  return { tasks: evaluated, cells: all.cells() };
}

/** @returns weight tokens [tasks, tokens, height, width] */
async function generate(
  group: readonly EvaluationTask[],
  { engine, states }: EvaluationParts,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const texts = group.flatMap((task) => task.texts);
  const condition = new Float32Array(texts.length * states.size);
  await states.fill(texts, condition, { signal });
  return engine.forward(condition, group.length, { signal });
}

function describe({ name, heldOut, checkpoints }: EvaluationTask, sums: FitSums): TaskEvaluation {
  const fit = sums.fit();
  if (!Number.isFinite(fit.loss))
    throw new DndError(
      'NOT_FINITE',
      `the weight tokens generated for task ${name} are not finite: the parameters have diverged; ` +
        'start a new run from the same pairs with a lower learning rate',
    );
  return { task: name, heldOut, checkpoints: checkpoints.length, ...fit, modules: sums.modules() };
}
