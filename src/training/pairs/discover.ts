import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import {
  isUnconverted,
  misnamedAdapter,
  PEFT_TENSORS_FILE,
  SAVE_AGAIN,
  searchAdapter,
  severalAdapters,
} from '../../adapter/index.js';
import { DndError } from '../../errors.js';
import { isFolder, kindOf, readError } from '../../files/index.js';
import { promptFile, promptFileNames } from '../../prompts/index.js';
import type { PairsManifest, TaskPlaces } from './manifest.js';
import { compareNaturally } from './natural-order.js';
import { IMPORTANCE_FILE } from './task-importance.js';
import type { CheckpointProblem, PairsProblem } from './types.js';

/** The files of a task, not yet read. */
export interface TaskFiles {
  name: string;
  /** null without exactly one prompts file that can be read. */
  prompts: string | null;
  /** null without one. */
  descriptions: string | null;
  checkpoints: CheckpointFile[];
  /** Entries that are not usable checkpoints. */
  refused: CheckpointProblem[];
  /** Problems of the task as a whole. */
  problems: PairsProblem[];
  /** About folders that were not taken for checkpoints. */
  notes: string[];
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

/** The stems of a task's files. */
const PROMPTS = 'prompts';
const DESCRIPTIONS = 'descriptions';
const CHECKPOINTS_FOLDER = 'checkpoints';

/** Folders that trainers write: HF Trainer and TRL `checkpoint-100`, verl `global_step_100`, others steps or epochs. */
const CHECKPOINT_NAME = /^checkpoint-|^(?:checkpoint|global_step|step|epoch|iter|iteration)[-_]?\d+$/i;
/** Of DeepSpeed, beside the adapter of the same checkpoint. */
const DEEPSPEED_FOLDER = /^global_step\d+$/;

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
      (entry) =>
        entry === CHECKPOINTS_FOLDER || CHECKPOINT_NAME.test(entry) || entry.toLowerCase().startsWith(`${PROMPTS}.`),
    );
    if (ours || inside.length === 0) found.push(name);
  }
  return found;
}

/**
 * Finds the prompts file, the descriptions and the checkpoints of a task. Missing files, or files of another format, are problems.
 * @param places their paths, if not in the task's folder
 * @param adapterName the adapter to take where a checkpoint does not hold one itself, but below it
 * @param start not null: a task may have no checkpoints
 */
export async function findTaskFiles(
  folder: string,
  { name, ...places }: TaskPlaces,
  { adapterName, start }: Pick<PairsManifest, 'adapterName' | 'start'>,
): Promise<TaskFiles> {
  const found = { prompts: null, descriptions: null, checkpoints: [], refused: [], problems: [], notes: [] };
  const task: TaskFiles = { name, ...found };
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
  await attempt(async () => {
    task.descriptions = places.descriptions ?? (await findDescriptions(own));
  });
  await attempt(async () => {
    const place = places.checkpoints ?? (await checkpointsFolder(own));
    await findCheckpoints(folder, place, task, { adapterName, required: start === null });
  });
  return task;
}

async function findPrompts(own: string, task: string): Promise<string> {
  const found = await promptFile(own, PROMPTS, 'INVALID_PAIRS');
  if (found !== undefined) return found;
  throw new DndError('INVALID_PAIRS', `task ${task} has no prompts: put ${promptFileNames(PROMPTS)} into ${own}`);
}

async function findDescriptions(own: string): Promise<string | null> {
  if (!(await isFolder(own))) return null;
  return (await promptFile(own, DESCRIPTIONS, 'INVALID_PAIRS')) ?? null;
}

/** A trainer's output folder with an added prompts file may be a task itself. */
async function checkpointsFolder(own: string): Promise<string> {
  return (await kindOf(join(own, CHECKPOINTS_FOLDER))) === undefined ? own : join(own, CHECKPOINTS_FOLDER);
}

/** A folder beside checkpoints that is none itself, and what to say of it. */
interface Aside {
  path: string;
  what: string;
}

async function findCheckpoints(
  folder: string,
  place: string,
  task: TaskFiles,
  { adapterName, required }: { adapterName: string | null; required: boolean },
): Promise<void> {
  const found: (CheckpointFile & { sortedBy: string })[] = [];
  const aside: Aside[] = [];
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
  const addFolder = async (entry: string, isCheckpoint: boolean) => {
    const path = join(place, entry);
    const search = await searchAdapter(path, { name: adapterName, files: [PEFT_TENSORS_FILE] });
    if (search.kind === 'one') {
      // A run inside, such as an older one, is not a checkpoint of this task.
      const nested = placeIn(path, search.folder)
        .split('/')
        .some((name) => CHECKPOINT_NAME.test(name));
      if (!isCheckpoint && nested) aside.push({ path, what: `holds the checkpoint ${placeIn(path, search.folder)}` });
      else await add(join(search.folder, PEFT_TENSORS_FILE), search.folder, entry);
    } else if (search.kind !== 'none') {
      const several = search.kind === 'several';
      const what = several ? severalAdapters(search.names) : misnamedAdapter(adapterName!, search.names);
      if (isCheckpoint) refuse(path, 'UNSUPPORTED_FORMAT', `it ${what}. ${several ? CHOOSE : CORRECT}`);
      else aside.push({ path, what });
    } else if (isCheckpoint || search.saw === 'adapter') refuse(path, search.code, search.why);
    else if (search.saw === 'training') aside.push({ path, what: `has no adapter: ${search.why}` });
  };

  const kind = await kindOf(place);
  if (kind === 'file') await add(place, join(place, '..'), '');
  const entries = kind === 'folder' ? await visible(place) : [];
  const hasAdapter = entries.includes(PEFT_TENSORS_FILE);
  for (const entry of entries) {
    const path = join(place, entry);
    if ((await kindOf(path)) === 'folder') {
      if (hasAdapter && DEEPSPEED_FOLDER.test(entry)) continue;
      if (isUnconverted(entry)) aside.push({ path, what: 'is an adapter from before its conversion to LoRA' });
      else await addFolder(entry, CHECKPOINT_NAME.test(entry));
    } else if (entry === IMPORTANCE_FILE) {
      if (relative(join(folder, task.name), place) !== '')
        task.notes.push(
          `${placeIn(folder, path)} is not read: token importance is that in ${task.name}/. Move it there`,
        );
    } else if (entry.endsWith('.safetensors')) await add(path, place, entry);
    else if (PYTORCH.test(entry) && !COMPANIONS.test(entry)) refuse(path, 'UNSUPPORTED_FORMAT', PYTORCH_FILE);
  }
  // A trainer's final adapter is in the folder above its checkpoints, and is the newest.
  const isLast = ({ path, folder: inside }: CheckpointFile) =>
    inside === place && basename(path) === PEFT_TENSORS_FILE ? 1 : 0;
  found.sort((a, b) => isLast(a) - isLast(b) || compareNaturally(a.sortedBy, b.sortedBy));
  task.checkpoints.push(...found.map(({ sortedBy: _, ...checkpoint }) => checkpoint));
  if (task.checkpoints.length > 0 || task.refused.length > 0) {
    task.notes.push(
      ...aside.map(({ path, what }) => `${placeIn(folder, path)} is not taken for a checkpoint: it ${what}`),
    );
    return;
  }
  const instead =
    kind === 'folder' && aside.length === 0 ? await searchAdapter(place, { files: [PEFT_TENSORS_FILE] }) : undefined;
  if (instead?.kind === 'none' && instead.saw !== 'nothing')
    throw new DndError(instead.code, `task ${task.name} has no checkpoints: in ${place} ${instead.why}`);
  if (!required && aside.length === 0) return;
  const seen = aside.map(({ path, what }) => `; ${placeIn(folder, path)} ${what}`).join('');
  throw new DndError(
    'INVALID_PAIRS',
    `task ${task.name} has no checkpoints${seen}. Put *.safetensors files, or folders with ${PEFT_TENSORS_FILE}, into ${place}`,
  );
}

const PYTORCH_FILE = `it is in PyTorch’s format, and pairs read safetensors only. ${SAVE_AGAIN}`;
const CORRECT = 'Correct "adapterName" in pairs.json, or remove the checkpoint';
const CHOOSE = 'Name the one to take as "adapterName" in pairs.json, or move the others elsewhere';

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
