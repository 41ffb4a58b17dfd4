import { join } from 'node:path';
import { DndError } from '../errors.js';
import { readJson } from '../files/index.js';
import { PACKAGE } from '../package.js';
import { checkSettings } from '../settings/index.js';
import { Fields } from '../validation/index.js';
import { type FinetuneTask, TASK_FILES } from './config.js';
import { FINETUNE_SETTINGS, type ResolvedSettings } from './settings.js';

/** In the output folder: what its run computes, and from what. Written when the run starts. */
export const FINETUNE_FILE = 'finetune.json';
const FORMAT_VERSION = 1;

/** What runs did that do not say it. */
const ADDED_LATER: Partial<ResolvedSettings> = { precision: 'fp32' };

/** A task, and what identifies its data. */
export interface DescribedTask extends FinetuneTask {
  examples: number;
  /** SHA-256 over token ids, prompts and descriptions. */
  digest: string;
}

export interface FinetuneDescription {
  /** With which the run started. */
  instructionSet: string;
  /** SHA-256 of the base's weights, of the start adapter, and of the joint run's own examples. */
  baseSha256: string;
  startSha256: string | null;
  jointDigest: string | null;
  settings: ResolvedSettings;
  tasks: DescribedTask[];
}

export function descriptionText(description: FinetuneDescription): string {
  const createdBy = `${PACKAGE.name} ${PACKAGE.version}`;
  return `${JSON.stringify({ formatVersion: FORMAT_VERSION, createdBy, ...description }, null, 2)}\n`;
}

/**
 * @throws DndError FILE_NOT_FOUND for a folder without a run; READ_FAILED, CORRUPT_FILE, NEWER_FORMAT; INVALID_ARGUMENT
 * for settings that are not valid
 */
export async function readFinetuneDescription(folder: string): Promise<FinetuneDescription> {
  const path = join(folder, FINETUNE_FILE);
  const json = await readJson(path).catch((error) => {
    if (!(error instanceof DndError && error.code === 'FILE_NOT_FOUND')) throw error;
    const sentence = `${folder} has no ${FINETUNE_FILE}. Give the output folder of dnd finetune`;
    throw new DndError('FILE_NOT_FOUND', sentence, { cause: error });
  });
  const fields = new Fields(json, path);
  fields.checkFormatVersion(FORMAT_VERSION, 'fine-tuning');
  const tasks = fields.raw('tasks');
  if (!Array.isArray(tasks)) throw fields.invalid('tasks', 'a list');
  return {
    instructionSet: fields.text('instructionSet'),
    baseSha256: fields.text('baseSha256'),
    startSha256: fields.textOrNull('startSha256'),
    jointDigest: fields.textOrNull('jointDigest'),
    settings: {
      ...ADDED_LATER,
      ...checkSettings(fields.section('settings').all, FINETUNE_SETTINGS, path),
    } as ResolvedSettings,
    tasks: tasks.map((task, index) => parseTask(new Fields(task, path, `tasks[${index}]`))),
  };
}

function parseTask(fields: Fields): DescribedTask {
  return {
    name: fields.text('name'),
    train: fields.text('train'),
    ...Object.fromEntries(TASK_FILES.map((key) => [key, fields.textOrNull(key) ?? undefined])),
    heldOut: fields.boolean('heldOut'),
    examples: fields.wholeNumber('examples', 1),
    digest: fields.text('digest'),
  };
}

/**
 * @param source the run's folder, for the message
 * @throws DndError RESUME_MISMATCH that names everything that would give other weights
 */
export function requireSameRun(
  run: FinetuneDescription,
  now: FinetuneDescription,
  source: string,
  allowOtherInstructionSet: boolean,
): void {
  const differences = [
    ...(run.baseSha256 === now.baseSha256 ? [] : [`the base ${now.settings.base} has other weights`]),
    ...(run.startSha256 === now.startSha256 ? [] : [`the start adapter ${now.settings.start} is another one`]),
    ...(run.jointDigest === now.jointDigest
      ? []
      : [`the examples of the joint run in ${now.settings.jointTrain} differ`]),
    ...taskDifferences(run.tasks, now.tasks),
  ];
  if (differences.length > 0)
    throw new DndError(
      'RESUME_MISMATCH',
      `${source} cannot be resumed: ${differences.join('; ')}. Restore what it started with, or start a new run`,
    );
  if (run.instructionSet === now.instructionSet || allowOtherInstructionSet) return;
  throw new DndError(
    'RESUME_MISMATCH',
    `${source} was started with ${run.instructionSet}, and this machine uses ${now.instructionSet}: results would not be bit-identical. ` +
      'Resume on the original machine, or accept this with allowOtherInstructionSet (--allow-other-instruction-set)',
  );
}

function taskDifferences(before: readonly DescribedTask[], now: readonly DescribedTask[]): string[] {
  const byName = new Map(now.map((task) => [task.name, task]));
  const changed = before.flatMap(({ name, digest, heldOut, train, examples }) => {
    const task = byName.get(name);
    byName.delete(name);
    if (!task) return [`task ${name} is gone`];
    if (task.heldOut !== heldOut) return [`task ${name} is ${heldOut ? 'no longer' : 'now'} held out`];
    if (task.digest === digest) return [];
    const counts = task.examples === examples ? '' : `: ${task.examples} examples instead of ${examples}`;
    return [`the data of task ${name} in ${train} differs${counts}`];
  });
  return [...changed, ...Array.from(byName.keys(), (name) => `task ${name} is new`)];
}
