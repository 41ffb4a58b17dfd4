import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import {
  AdapterLayout,
  type BaseModel,
  isBaseModel,
  type Normalisation,
  PEFT_TENSORS_FILE,
  readBaseModel,
} from '../../adapter/index.js';
import { type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { readError } from '../../files/index.js';
import { type PromptFields, readPromptItems, readPromptSet } from '../../prompts/index.js';
import { checkOptions, checkPath, nearest, quoteValue } from '../../validation/index.js';
import { type Agreement, agree, type Member, type Mismatch, mismatchTable } from './agreement.js';
import { findTaskFiles, findTasks, type TaskFiles } from './discover.js';
import { inOwnFolder, PAIRS_FILE, type PairsManifest, readPairsManifest } from './manifest.js';
import { type ScannedCheckpoint, scanCheckpoint } from './scan.js';
import { findTaskImportance, type TaskImportance } from './task-importance.js';
import type { Checkpoint, CheckpointProblem, Pairs, PairsProblem, Task } from './types.js';
import { importanceWarnings, warningsOf } from './warnings.js';

/** Options of `openPairs`. */
export interface OpenPairsOptions extends LongOperation {
  /** Skip damaged checkpoints; they are listed in `skipped`. Default: false. */
  skipCorrupt?: boolean | undefined;
  /** The base model, or the path of its config.json or folder; default: from pairs.json or the checkpoints. */
  base?: BaseModel | string | undefined;
  /** How the prompts files are read; default for each: from pairs.json. */
  fields?: PromptFields | undefined;
}

/** The problems of a pairs folder, and the pairs if there are none. */
export interface PairsExamination {
  folder: string;
  pairs: Pairs | null;
  problems: PairsProblem[];
  mismatches: Mismatch[];
}

/**
 * Reads a pairs folder: pairs.json if there is one, the prompts, and every checkpoint in full, in pieces.
 * docs/training.md describes the folder.
 * @throws DndError that lists every problem that blocks training: INVALID_PAIRS for tasks without prompts or
 * checkpoints; LAYOUT_MISMATCH (with a table) for checkpoints that differ in their layout or from the base model; for
 * damaged checkpoints CORRUPT_FILE, INVALID_WEIGHTS, SHAPE_MISMATCH or UNSUPPORTED_FORMAT, unless `skipCorrupt`;
 * INVALID_PROMPTS; for pairs.json CORRUPT_FILE, INVALID_PAIRS, NEWER_FORMAT; FILE_NOT_FOUND, READ_FAILED;
 * `signal.reason`
 */
export async function openPairs(folder: string, options: OpenPairsOptions = {}): Promise<Pairs> {
  const examination = await examinePairs(folder, options);
  if (examination.pairs) return examination.pairs;
  throw pairsError(examination);
}

/**
 * As `openPairs`, but returns the problems of tasks and checkpoints.
 * @throws DndError for the folder, pairs.json, or the base model; `signal.reason`
 */
export async function examinePairs(folder: string, options: OpenPairsOptions = {}): Promise<PairsExamination> {
  checkPath(folder, 'the pairs folder');
  checkOptions(options, 'options of openPairs');
  const status = await stat(folder).catch((error) => {
    throw readError(error, `pairs folder ${folder}`);
  });
  if (!status.isDirectory()) throw new DndError('READ_FAILED', `pairs folder ${folder} is not a folder`);
  const manifest = await readPairsManifest(folder);
  const files = await findAll(folder, manifest);
  const problems = files.flatMap((task) => task.problems);
  if (files.length === 0)
    problems.push(general(`${folder} has no tasks. Create a folder for each, with prompts.json and checkpoints/`));
  problems.push(...heldOutProblems(manifest, files, folder));

  const { signal } = options;
  const fields = { ...manifest.fields, ...given(options.fields) };
  const items = await readAll(files, 'prompts', problems, (path) => readPromptItems(path, fields), signal);
  const read = (path: string) => readPromptSet(path, undefined, signal);
  const descriptions = await readAll(files, 'descriptions', problems, read, signal);
  const importance = await findAllImportance(folder, files, problems);
  const { members, damaged } = await scanAll(files, options);
  const start = manifest.start === null ? null : await scanStart(manifest.start, signal);
  const left = new Set(members.map(({ task }) => task));
  if (!options.skipCorrupt) problems.push(...damaged);
  const all = start ? [...members, { task: START, checkpoint: start }] : members;
  const base = await baseOf(options.base ?? manifest.base, all);
  const agreement = agree(all, base, manifest.adapter);
  const mismatches = agreement?.mismatches ?? [];
  problems.push(...layoutProblems(mismatches));
  const emptied = options.skipCorrupt ? damaged.filter(({ task }) => !left.has(task)) : [];
  for (const task of new Set(emptied.map((problem) => problem.task)))
    problems.push(
      { ...general(`task ${task} has no usable checkpoint: all are damaged`), task },
      ...damagedOf(task, damaged),
    );
  if (problems.length > 0 || !agreement) return { folder, pairs: null, problems, mismatches };

  const tasks = files.map(
    ({ name }): Task => ({
      name,
      ...(importance.get(name) && { importance: importance.get(name)! }),
      items: items.get(name)!,
      ...(descriptions.has(name) && { descriptions: descriptions.get(name)! }),
      checkpoints: members.filter(({ task }) => task === name).map(({ checkpoint }) => plain(checkpoint)),
      heldOut: manifest.heldOut.includes(name),
    }),
  );
  const { adapter, tensors } = agreement;
  const notes = files.flatMap((task) => task.notes);
  const warnings = [
    ...warningsOf({ tasks, members: all, agreement, base, skipped: damaged, notes }),
    ...importanceWarnings(tasks, pairsLayout({ base, adapter, tensors })),
  ];
  const digest = digestOf(agreement, tasks, start);
  return {
    folder,
    pairs: { folder, base, adapter, tensors, tasks, start: start && plain(start), skipped: damaged, warnings, digest },
    problems,
    mismatches,
  };
}

/**
 * The adapter layout of a folder's checkpoints.
 * @param chunk columns per weight token; default: see `defaultChunk`
 * @param normalisation default: 'chunk'
 */
export function pairsLayout(
  { base, adapter, tensors }: Pick<Pairs, 'base' | 'adapter' | 'tensors'>,
  chunk?: number,
  normalisation?: Normalisation,
): AdapterLayout {
  if (base) return new AdapterLayout({ base, rank: adapter.rank, modules: adapter.modules, chunk, normalisation });
  return AdapterLayout.fromTensors(tensors, { chunk, normalisation });
}

async function findAllImportance(
  folder: string,
  files: readonly TaskFiles[],
  problems: PairsProblem[],
): Promise<Map<string, TaskImportance>> {
  const all = new Map<string, TaskImportance>();
  for (const { name } of files) {
    try {
      const importance = await findTaskImportance(join(folder, name));
      if (importance) all.set(name, importance);
    } catch (error) {
      if (!(error instanceof DndError)) throw error;
      problems.push({ task: name, checkpoint: null, code: error.code, message: `task ${name}: ${error.message}` });
    }
  }
  return all;
}

function damagedOf(name: string, damaged: readonly CheckpointProblem[]): CheckpointProblem[] {
  return damaged.filter(({ task }) => task === name);
}

function general(message: string, code: PairsProblem['code'] = 'INVALID_PAIRS'): PairsProblem {
  return { task: null, checkpoint: null, code, message };
}

async function findAll(folder: string, manifest: PairsManifest): Promise<TaskFiles[]> {
  const places = manifest.tasks ?? (await findTasks(folder)).map(inOwnFolder);
  const found: TaskFiles[] = [];
  for (const place of places) found.push(await findTaskFiles(folder, place, manifest));
  return found;
}

function heldOutProblems({ heldOut }: PairsManifest, files: readonly TaskFiles[], folder: string): PairsProblem[] {
  const names = files.map(({ name }) => name);
  const source = join(folder, PAIRS_FILE);
  const unknown = heldOut
    .filter((name) => !names.includes(name))
    .map((name) => {
      const known = nearest(name, names);
      const meant = known === undefined ? '' : `; did you mean ${quoteValue(known)}?`;
      return general(`${source}: heldOut names ${quoteValue(name)}, and there is no such task${meant}`);
    });
  const none = names.length > 0 && names.every((name) => heldOut.includes(name));
  return none ? [...unknown, general(`${source}: every task is held out. Leave at least one to train on`)] : unknown;
}

/** One file of every task that has it. */
async function readAll<T>(
  files: readonly TaskFiles[],
  which: 'prompts' | 'descriptions',
  problems: PairsProblem[],
  read: (path: string) => Promise<T[]>,
  signal: AbortSignal | undefined,
): Promise<Map<string, T[]>> {
  const all = new Map<string, T[]>();
  for (const { name, [which]: path } of files) {
    signal?.throwIfAborted();
    if (path === null) continue;
    try {
      all.set(name, await read(path));
    } catch (error) {
      if (!(error instanceof DndError)) throw error;
      problems.push({ task: name, checkpoint: null, code: error.code, message: `task ${name}: ${error.message}` });
    }
  }
  return all;
}

/** Options that are not given do not replace those of pairs.json. */
function given(fields: PromptFields = {}): PromptFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function scanAll(
  files: readonly TaskFiles[],
  { signal, onProgress }: OpenPairsOptions,
): Promise<{ members: Member[]; damaged: CheckpointProblem[] }> {
  const total = files.reduce((sum, task) => sum + task.checkpoints.reduce((own, { bytes }) => own + bytes, 0), 0);
  const report = steadyProgress(onProgress);
  const layouts = new Map<string, AdapterLayout>();
  const members: Member[] = [];
  const damaged: CheckpointProblem[] = [];
  let before = 0;
  for (const { name: task, checkpoints, refused } of files) {
    damaged.push(...refused);
    for (const file of checkpoints) {
      let read = 0;
      const onBytes = (count: number) => {
        read += count;
        report(Math.min(1, (before + read) / total));
      };
      try {
        const checkpoint = await scanCheckpoint(file, { signal, onBytes });
        members.push({ task, checkpoint: { ...checkpoint, layout: shared(checkpoint.layout, layouts) } });
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof DndError)) throw error;
        damaged.push({ task, checkpoint: file.name, code: error.code, message: error.message });
      }
      before += file.bytes;
    }
  }
  report(1);
  return { members, damaged };
}

/** Stands for the name of a task where the adapter that all of them start from is named. */
const START = 'start';

async function scanStart(folder: string, signal: AbortSignal | undefined): Promise<ScannedCheckpoint> {
  const path = join(folder, PEFT_TENSORS_FILE);
  const { size } = await stat(path).catch((error) => {
    throw readError(error, `${path}, the adapter that ${PAIRS_FILE} names as start`);
  });
  return scanCheckpoint({ name: START, path, folder, bytes: size }, { signal });
}

/** Hundreds of checkpoints have few layouts: each is stored once. */
function shared(layout: AdapterLayout, layouts: Map<string, AdapterLayout>): AdapterLayout {
  const key = JSON.stringify(layout);
  const known = layouts.get(key) ?? layout;
  layouts.set(key, known);
  return known;
}

/** The given base model, or else the local one that every checkpoint names as its base. */
async function baseOf(given: BaseModel | string | null, members: readonly Member[]): Promise<BaseModel | null> {
  if (typeof given === 'string') return readBaseModel(given);
  if (given) return given;
  const named = new Set(members.map(({ checkpoint }) => checkpoint.config?.baseModelName ?? null));
  const [path] = named;
  if (named.size !== 1 || typeof path !== 'string' || !isAbsolute(path)) return null;
  return (await isBaseModel(path)) ? readBaseModel(path) : null;
}

/** One problem per checkpoint; the table has the rest. */
function layoutProblems(mismatches: readonly Mismatch[]): PairsProblem[] {
  const byCheckpoint = new Map<string, Mismatch[]>();
  for (const mismatch of mismatches) {
    const own = byCheckpoint.get(mismatch.checkpoint) ?? [];
    byCheckpoint.set(mismatch.checkpoint, [...own, mismatch]);
  }
  return Array.from(byCheckpoint, ([checkpoint, [first, ...others]]) => ({
    task: first!.task,
    checkpoint,
    code: 'LAYOUT_MISMATCH' as const,
    message: `its layout differs: ${first!.what}; expected ${first!.expected}, got ${first!.found}${others.length === 0 ? '' : ` (and ${others.length} more)`}`,
  }));
}

function plain({ layout: _, config: __, ...checkpoint }: ScannedCheckpoint): Checkpoint {
  return checkpoint;
}

function digestOf({ adapter }: Agreement, tasks: readonly Task[], start: Checkpoint | null): string {
  const hash = createHash('sha256').update(JSON.stringify(adapter));
  if (start) hash.update(JSON.stringify(['start', start.sha256]));
  for (const { name, heldOut, items, descriptions, checkpoints, importance } of tasks) {
    hash.update(JSON.stringify([name, heldOut, items.length, checkpoints.length]));
    for (const { prompt, response } of items) hash.update(JSON.stringify([prompt, response]));
    if (descriptions) hash.update(JSON.stringify(['descriptions', descriptions]));
    for (const checkpoint of checkpoints) hash.update(JSON.stringify([checkpoint.name, checkpoint.sha256]));
    if (importance) hash.update(JSON.stringify(['importance', importance.sha256]));
  }
  return hash.digest('hex');
}

/** All problems in one error: a line for each, and a table of differing layouts. */
export function pairsError({ folder, problems, mismatches }: PairsExamination): DndError {
  const others = problems.filter(({ code }) => code !== 'LAYOUT_MISMATCH');
  const codes = new Set(problems.map(({ code }) => code));
  const [code] = codes;
  const damagedOnly = problems.every(({ checkpoint }) => checkpoint !== null) && mismatches.length === 0;
  const lines = others.map(describeProblem);
  if (mismatches.length > 0) lines.push(LAYOUTS_DIFFER, ...mismatchTable(mismatches));
  if (damagedOnly) lines.push('skip damaged checkpoints with skipCorrupt (--skip-corrupt)');
  const what = problems.length === 1 ? 'there is a problem' : `there are ${problems.length} problems`;
  return new DndError(
    codes.size === 1 ? code! : damagedOnly ? 'CORRUPT_FILE' : 'INVALID_PAIRS',
    `pairs folder ${folder}: ${what}\n${lines.join('\n')}`,
  );
}

export const LAYOUTS_DIFFER =
  'all checkpoints must have the same layout, that of the base model. Save them again, or remove those that differ:';

export function describeProblem({ checkpoint, message }: PairsProblem): string {
  if (checkpoint === null || message.includes(checkpoint)) return message;
  return `${checkpoint}: ${message}`;
}
