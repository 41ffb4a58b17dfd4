import { join } from 'node:path';
import { DndError } from '../errors.js';
import { readJson } from '../files/index.js';
import { FORMAT_VERSION, type GeneratorManifest, parseManifest } from '../generator/manifest.js';
import { checkPath, Fields } from '../validation/index.js';
import { RUN_FILE } from './pairs/discover.js';

export const RUN_FORMAT_VERSION = 1;

/** In a run folder, beside METRICS_FILE. */
export { RUN_FILE };
/** A `TrainingStep` or an `Evaluation` on each line. */
export const METRICS_FILE = 'metrics.jsonl';

/** run.json: the description of a run. Written when the run starts; read by `dnd report`. */
export interface RunDescription extends Omit<GeneratorManifest, 'formatVersion' | 'training'> {
  /** Version of the layout of run.json. */
  formatVersion: typeof RUN_FORMAT_VERSION;
  /** Instruction set with which the run started. */
  instructionSet?: string;
  /** SHA-256 of the weights of the base that the behaviour loss runs; absent without it, and in runs of older versions. */
  baseSha256?: string;
  /** Number of the decoder's parameters. */
  parameters: number;
  /** Number and size of the weight tokens. */
  weightTokens: {
    /** Number of weight tokens. */
    count: number;
    /** Rows of each. */
    height: number;
    /** Columns of each. */
    width: number;
  };
  /** What it is trained on. */
  pairs: {
    /** The pairs folder. */
    folder: string;
    /** Identity of the pairs: `Pairs.digest`. */
    digest: string;
    /** The tasks, in their order. */
    tasks: {
      /** Name of the task. */
      name: string;
      /** Whether it is held out from training and evaluated. */
      heldOut: boolean;
      /** Number of prompts. */
      prompts: number;
      /** Number of checkpoints. */
      checkpoints: number;
      /** Number of those held out from training and evaluated. */
      heldOutCheckpoints: number;
      /** Why its checkpoints teach nothing, if so. */
      meaningless?: string;
    }[];
    /** Number of skipped checkpoints. */
    skipped: number;
  };
  /** Every setting of the run, under its configuration file name; `steps` is the total. */
  settings: Record<string, unknown> & {
    /** Number of optimiser steps in all. */
    steps: number;
  };
}

/**
 * Reads the description of a run. Unknown fields are ignored.
 * @throws DndError FILE_NOT_FOUND for a folder that is not a run, READ_FAILED, CORRUPT_FILE, NEWER_FORMAT,
 * SHAPE_MISMATCH
 */
export async function readRunDescription(folder: string): Promise<RunDescription> {
  checkPath(folder, 'the folder of the run');
  const path = join(folder, RUN_FILE);
  const json = await readJson(path).catch((error) => {
    if (!(error instanceof DndError && error.code === 'FILE_NOT_FOUND')) throw error;
    const sentence = `${folder} is not a run folder: it has no ${RUN_FILE}. Give the folder that dnd train wrote`;
    throw new DndError('FILE_NOT_FOUND', sentence, { cause: error });
  });
  return parseRunDescription(json, path);
}

/** @throws DndError CORRUPT_FILE, NEWER_FORMAT, SHAPE_MISMATCH */
export function parseRunDescription(json: unknown, source: string): RunDescription {
  const fields = new Fields(json, source);
  fields.checkFormatVersion(RUN_FORMAT_VERSION, 'run');
  // Fields shared with the generator manifest are checked as there.
  const others = { formatVersion: FORMAT_VERSION, training: { trained: true, seed: 0 } };
  const { training: _, ...made } = parseManifest({ ...fields.all, ...others }, source);
  const tokens = fields.section('weightTokens');
  return {
    ...made,
    formatVersion: RUN_FORMAT_VERSION,
    ...optionalText(fields, 'instructionSet'),
    ...optionalText(fields, 'baseSha256'),
    parameters: fields.wholeNumber('parameters', 1),
    weightTokens: {
      count: tokens.wholeNumber('count', 1),
      height: tokens.wholeNumber('height', 1),
      width: tokens.wholeNumber('width', 1),
    },
    pairs: parsePairs(fields.section('pairs')),
    settings: parseSettings(fields.section('settings')),
  };
}

function parsePairs(fields: Fields): RunDescription['pairs'] {
  const tasks = fields.raw('tasks');
  if (!Array.isArray(tasks)) throw new DndError('CORRUPT_FILE', `${fields.source}: pairs.tasks must be a list`);
  return {
    folder: fields.text('folder'),
    digest: fields.text('digest'),
    tasks: tasks.map((task, i) => parseTask(new Fields(task, fields.source, `pairs.tasks[${i}]`))),
    skipped: fields.wholeNumber('skipped', 0),
  };
}

function parseTask(fields: Fields): RunDescription['pairs']['tasks'][number] {
  return {
    name: fields.text('name'),
    heldOut: fields.boolean('heldOut'),
    prompts: fields.wholeNumber('prompts', 0),
    checkpoints: fields.wholeNumber('checkpoints', 0),
    heldOutCheckpoints: fields.wholeNumber('heldOutCheckpoints', 0),
    ...optionalText(fields, 'meaningless'),
  };
}

/** The text by its name, if it is there. */
function optionalText<Name extends string>(fields: Fields, name: Name): { [name in Name]?: string } {
  return fields.raw(name) === undefined ? {} : ({ [name]: fields.text(name) } as { [name in Name]: string });
}

function parseSettings(fields: Fields): RunDescription['settings'] {
  return { ...fields.all, steps: fields.wholeNumber('steps', 0) };
}
