import type { AdapterLayout } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import type { DeltaLoss } from './delta-loss.js';
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
  /** With the targets 'delta': compares what adapters add to the base. */
  delta: DeltaLoss | null;
  /** Tasks that go through the decoder together. */
  together: number;
}

/**
 * Generates for each task once, without noise, and compares with the task's checkpoints: weight tokens or, with the
 * targets 'delta', what adapters add to the base.
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
    const generated = await generate(group, parts, signal);
    for (const [place, task] of group.entries()) {
      const sums = new FitSums(parts.layout, parts.importance);
      for (const checkpoint of task.checkpoints) {
        const target = await parts.targets.of(checkpoint, signal);
        if (parts.delta) await parts.delta.compare(generated[place]!, target, sums, signal);
        else await sums.add(generated[place]!, target, signal);
      }
      all.addAll(sums);
      evaluated.push(describe(task, sums));
      onProgress?.(evaluated.length / tasks.length);
    }
  }
  return { tasks: evaluated, cells: all.cells() };
}

/** @returns of each task the weight tokens [tokens, height, width] or, with the targets 'delta', the adapter [elements] */
async function generate(
  group: readonly EvaluationTask[],
  { engine, layout, states, delta }: EvaluationParts,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const texts = group.flatMap((task) => task.texts);
  const condition = new Float32Array(texts.length * states.size);
  await states.fill(texts, condition, { signal });
  const tokens = await engine.forward(condition, group.length, { signal });
  if (delta) return delta.adapters(tokens, group.length, signal);
  return group.map((_, place) => tokens.subarray(place * layout.size, (place + 1) * layout.size));
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
