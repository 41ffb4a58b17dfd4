import type { AdapterLayout, BaseModel } from '../../adapter/index.js';
import { counted } from '../../text-table.js';
import type { Agreement, Member } from './agreement.js';
import { meaningWarnings } from './meaning.js';
import type { Checkpoint, CheckpointProblem, Task } from './types.js';

/** Checkpoints with the same contents. */
export interface Duplicates {
  /** Byte-identical; otherwise only their matrices are equal. */
  bytes: boolean;
  /** Names, in the order of the tasks. */
  checkpoints: string[];
}

/** The parts of pairs that warnings concern. */
interface Checked {
  tasks: readonly Task[];
  members: readonly Member[];
  agreement: Agreement;
  base: BaseModel | null;
  skipped: readonly CheckpointProblem[];
  /** About folders that are no checkpoints. */
  notes: readonly string[];
}

/** Oddities of pairs that do not block training. */
export function warningsOf({ tasks, members, agreement, base, skipped, notes }: Checked): string[] {
  const { adapter, alphaUnknown } = agreement;
  const warnings: string[] = [...notes, ...settingWarnings(members)];
  if (base === null)
    warnings.push(
      'the base model of the checkpoints is unknown. Set base in pairs.json, or --base, to its config.json',
    );
  if (skipped.length > 0)
    warnings.push(`${counted(skipped.length, 'damaged checkpoint')} skipped: ${someOf(skipped.map(nameOf))}`);
  if (alphaUnknown)
    warnings.push(
      `no adapter_config.json gives the adapters' alpha: assuming ${adapter.alpha}, twice the rank. Set it in pairs.json ("adapter": {"alpha": …})`,
    );
  for (const { bytes, checkpoints } of duplicatesOf(tasks))
    warnings.push(`${someOf(checkpoints)} ${bytes ? 'are byte-identical' : 'have the same weights'}`);
  warnings.push(...tasks.flatMap((task) => meaningWarnings(task, someOf)));
  const single = tasks.filter(
    ({ checkpoints, heldOut, importance }) => checkpoints.length === 1 && !heldOut && !importance,
  );
  warnings.push(...single.map(({ name }) => uninformativeTask(name)));
  return warnings;
}

/** Unknown settings of adapter_config.json, each with the checkpoints that have it. */
function settingWarnings(members: readonly Member[]): string[] {
  const byWarning = new Map<string, string[]>();
  for (const { checkpoint } of members) {
    for (const warning of checkpoint.config?.warnings ?? [])
      byWarning.set(warning, [...(byWarning.get(warning) ?? []), checkpoint.name]);
  }
  return Array.from(byWarning, ([warning, names]) => `${someOf(names)}: ${warning}`);
}

/** For importance of another number of weight tokens than those of a layout that is taken where no chunk is chosen. */
export function importanceWarnings(tasks: readonly Task[], { tokenCount, chunk }: AdapterLayout): string[] {
  return tasks.flatMap(({ name, importance }) =>
    importance === undefined || importance.tokens === tokenCount
      ? []
      : `the token importance of ${name} is for ${importance.tokens} weight tokens, and with the default chunk ${chunk} there are ${tokenCount}. Train with the chunk that it is for (--chunk), or remove ${importance.path}`,
  );
}

/** The warning for a training task. */
export function uninformativeTask(name: string): string {
  return `${name} does not contribute to token importance: it has one checkpoint, or all are identical`;
}

/** Groups of checkpoints, across tasks, with the same contents. */
export function duplicatesOf(tasks: readonly Task[]): Duplicates[] {
  const groups = new Map<string, Checkpoint[]>();
  for (const checkpoint of tasks.flatMap((task) => task.checkpoints)) {
    const group = groups.get(checkpoint.tensorsSha256) ?? [];
    group.push(checkpoint);
    groups.set(checkpoint.tensorsSha256, group);
  }
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      bytes: new Set(group.map(({ sha256 }) => sha256)).size === 1,
      checkpoints: group.map(({ name }) => name),
    }));
}

function nameOf({ checkpoint }: CheckpointProblem): string {
  return checkpoint;
}

const MOST_NAMES = 4;

function someOf(names: readonly string[]): string {
  const more = names.length - MOST_NAMES;
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
