import { counted } from '../../text-table.js';
import type { Checkpoint, Task } from './types.js';

/**
 * Why the checkpoints of a task teach a generator nothing, although every one is valid; null if they may. Such a run's
 * loss can fall all the same, so that its curves do not show it.
 */
export function meaninglessTask({ checkpoints }: Pick<Task, 'checkpoints'>): string | null {
  if (checkpoints.length === 0) return null;
  if (checkpoints.every(isIdle))
    return 'every checkpoint leaves the base as it is: lora_A or lora_B of each module is zero';
  if (checkpoints.every(isEmpty)) return 'in every checkpoint each module has a matrix whose elements are all the same';
  const different = new Set(checkpoints.map(({ tensorsSha256 }) => tensorsSha256)).size;
  if (checkpoints.length > 1 && different === 1) return `its ${checkpoints.length} checkpoints have the same weights`;
  return null;
}

function isIdle({ degenerate: { modules, idleModules } }: Checkpoint): boolean {
  return idleModules === modules;
}

/** Whether no module has learnt anything: trained ones count, whatever is beside them. */
function isEmpty({ degenerate: { modules, idleModules, constantModules } }: Checkpoint): boolean {
  return idleModules + constantModules === modules;
}

function hasConstant({ degenerate: { constantMatrices } }: Checkpoint): boolean {
  return constantMatrices > 0;
}

const CAUSE =
  'It was saved before or without training, or the trainer lost its weights (DeepSpeed ZeRO-3, a wrong adapter name): train it again';

/** A warning for each kind of weights without meaning in the checkpoints of a task, and for a task of nothing else. */
export function meaningWarnings(task: Task, someOf: (names: readonly string[]) => string): string[] {
  const { name, checkpoints } = task;
  const warnings: string[] = [];
  const warn = (those: readonly Checkpoint[], what: string) => {
    if (those.length > 0) warnings.push(`${someOf(those.map((checkpoint) => checkpoint.name))}: ${what}`);
  };
  warn(
    checkpoints.filter(isIdle),
    `the adapter does nothing, because lora_A or lora_B of every module is zero. ${CAUSE}`,
  );
  const partly = checkpoints.filter((checkpoint) => !isIdle(checkpoint) && checkpoint.degenerate.idleModules > 0);
  const [first] = partly;
  if (first)
    warn(
      partly,
      `the adapter does nothing in ${first.degenerate.idleModules} of ${counted(first.degenerate.modules, 'module')}, where lora_A or lora_B is zero`,
    );
  const constant = checkpoints.filter(hasConstant);
  if (constant[0])
    warn(
      constant,
      `in ${constant[0].degenerate.constantMatrices} of its matrices all elements are the same, as no training leaves them. Save the adapter again`,
    );
  const why = meaninglessTask(task);
  if (why !== null) warnings.push(`task ${name} teaches nothing: ${why}`);
  return warnings;
}
