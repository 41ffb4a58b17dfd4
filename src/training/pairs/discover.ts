import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { PEFT_TENSORS_FILE } from '../../adapter/index.js';
import { DndError } from '../../errors.js';
import { kindOf, readError } from '../../files/index.js';
import { promptFile, promptFileNames } from '../../prompts/index.js';
import { compareNaturally } from './natural-order.js';
import { IMPORTANCE_FILE } from './task-importance.js';
import type { CheckpointProblem, PairsProblem } from './types.js';

/** The files of a task, not yet read. */
export interface TaskFiles {
  name: string;
  /** null without exactly one prompts file that can be read. */
  prompts: string | null;
  checkpoints: CheckpointFile[];
  /** Entries that are not usable checkpoints. */
  refused: CheckpointProblem[];
  /** Problems of the task as a whole. */
  problems: PairsProblem[];
}

export interface CheckpointFile {
  /** Its path in the pairs folder, with forward slashes. */
  name: string;
  /** The safetensors file and its folder. */
  path: string;
  folder: string;
  bytes: number;
}

/** The file that identifies a run folder. A run inside a pairs folder is not a task although it has checkpoints. */
export const RUN_FILE = 'run.json';

/** The stem of a task's prompts file. */
const PROMPTS = 'prompts';
const CHECKPOINTS_FOLDER = 'checkpoints';

/** PyTorch files that trainers write beside a checkpoint and that are not checkpoints. */
const COMPANIONS = /^(?:training_args|optimizer|scheduler|scaler|rng_state\w*|random_states\w*)\.(?:bin|pt|pth|pkl)$/;
const PYTORCH = /\.(?:bin|pt|pth|ckpt)$/;

/** The subfolders that look like tasks: with prompts or checkpoints, or empty. */
export async function findTasks(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await visible(folder)) {
    if ((await kindOf(join(folder, name))) !== 'folder') continue;
    const inside = await entriesOf(join(folder, name));
    if (inside.includes(RUN_FILE)) continue;
    const ours = inside.some(
      (entry) => entry === CHECKPOINTS_FOLDER || entry.startsWith('checkpoint-') || entry.startsWith(`${PROMPTS}.`),
    );
    if (ours || inside.length === 0) found.push(name);
  }
  return found;
}

/**
 * Finds the prompts file and the checkpoints of a task. Missing files, or files of another format, are problems.
 * @param places their paths, if not in the task's folder
 */
export async function findTaskFiles(
  folder: string,
  name: string,
  places: { prompts: string | null; checkpoints: string | null },
): Promise<TaskFiles> {
  const task: TaskFiles = { name, prompts: null, checkpoints: [], refused: [], problems: [] };
  const own = join(folder, name);
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DndError)) throw error;
      task.problems.push({ task: name, checkpoint: null, code: error.code, message: error.message });
    }
  };
  await attempt(async () => {
    task.prompts = places.prompts ?? (await findPrompts(own, name));
  });
  await attempt(async () => findCheckpoints(folder, places.checkpoints ?? (await checkpointsFolder(own)), task));
  return task;
}

async function findPrompts(own: string, task: string): Promise<string> {
  const found = await promptFile(own, PROMPTS, 'INVALID_PAIRS');
  if (found !== undefined) return found;
  throw new DndError('INVALID_PAIRS', `task ${task} has no prompts: put ${promptFileNames(PROMPTS)} into ${own}`);
}

/** A trainer's output folder with an added prompts file may be a task itself. */
async function checkpointsFolder(own: string): Promise<string> {
  return (await kindOf(join(own, CHECKPOINTS_FOLDER))) === undefined ? own : join(own, CHECKPOINTS_FOLDER);
}

async function findCheckpoints(folder: string, place: string, task: TaskFiles): Promise<void> {
  const found: (CheckpointFile & { sortedBy: string })[] = [];
  const refuse = (path: string, code: PairsProblem['code'], message: string) =>
    task.refused.push({ task: task.name, checkpoint: placeIn(folder, path), code, message });
  const add = async (path: string, inside: string, sortedBy: string) => {
    try {
      const { size } = await stat(path);
      const named = basename(path) === PEFT_TENSORS_FILE && inside !== place ? inside : path;
      found.push({ name: placeIn(folder, named), path, folder: inside, bytes: size, sortedBy });
    } catch (cause) {
      // A dangling link, for example.
      const error = readError(cause, path);
      if (!(error instanceof DndError)) throw error;
      refuse(path, error.code, error.message);
    }
  };

  const kind = await kindOf(place);
  if (kind === 'file') await add(place, join(place, '..'), '');
  for (const entry of kind === 'folder' ? await visible(place) : []) {
    const path = join(place, entry);
    if ((await kindOf(path)) === 'folder') {
      const tensors = join(path, PEFT_TENSORS_FILE);
      if ((await kindOf(tensors)) === 'file') await add(tensors, path, entry);
      else if ((await kindOf(join(path, 'adapter_model.bin'))) === 'file')
        refuse(join(path, 'adapter_model.bin'), 'UNSUPPORTED_FORMAT', SAVE_AGAIN);
      else if (/^checkpoint-/.test(entry))
        refuse(path, 'FILE_NOT_FOUND', `it has no ${PEFT_TENSORS_FILE}; saving it may have been interrupted`);
    } else if (entry.endsWith('.safetensors') && entry !== IMPORTANCE_FILE) await add(path, place, entry);
    else if (PYTORCH.test(entry) && !COMPANIONS.test(entry)) refuse(path, 'UNSUPPORTED_FORMAT', SAVE_AGAIN);
  }
  // A trainer's final adapter is in the folder above its checkpoints, and is the newest.
  const isLast = ({ path, folder: inside }: CheckpointFile) =>
    inside === place && basename(path) === PEFT_TENSORS_FILE ? 1 : 0;
  found.sort((a, b) => isLast(a) - isLast(b) || compareNaturally(a.sortedBy, b.sortedBy));
  task.checkpoints.push(...found.map(({ sortedBy: _, ...checkpoint }) => checkpoint));
  if (task.checkpoints.length > 0 || task.refused.length > 0) return;
  throw new DndError(
    'INVALID_PAIRS',
    `task ${task.name} has no checkpoints: put *.safetensors files, or folders with ${PEFT_TENSORS_FILE}, into ${place}`,
  );
}

const SAVE_AGAIN =
  'PyTorch files are not supported. Save it as safetensors (PEFT: save_pretrained with safe_serialization=True)';

function placeIn(folder: string, path: string): string {
  return relative(folder, path).split(sep).join('/');
}

async function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
}

/** The entries of a folder, without hidden files, in natural order. */
async function visible(folder: string): Promise<string[]> {
  const entries = await entriesOf(folder);
  return entries.filter((entry) => !entry.startsWith('.')).sort(compareNaturally);
}
