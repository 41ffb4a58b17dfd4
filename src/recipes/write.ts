import { chmod } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { isFolder, writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import {
  fieldsOf,
  listTasks,
  readFinetuneConfig,
  readTaskItems,
  requireResponses,
  resolveSettings,
} from '../finetuning/index.js';
import { isGguf } from '../formats/gguf/index.js';
import { type PromptFields, type PromptItem, readPromptItems } from '../prompts/index.js';
import { checkOptions, checkPath, checkWholeNumber, invalidValue, isText } from '../validation/index.js';
import { llamaFactoryFiles } from './llama-factory.js';
import { JOINT_DATA, planRuns } from './plan.js';
import { trlFiles } from './trl.js';

export const TRAINERS = ['llama-factory', 'trl'] as const;
/** Trainers that recipes are written for: `llama-factory`, `trl`. */
export type TrainerName = (typeof TRAINERS)[number];

/** Options of `writeRecipe`. */
export interface RecipeOptions {
  /** A configuration file of `dnd finetune`; its base may also be a Hugging Face id. */
  config: string;
  /** The trainer that the recipe is for. */
  trainer: TrainerName;
  /** Output folder. */
  out: string;
  /** LLaMA-Factory's name of the base's chat template, which it requires. */
  template?: string | undefined;
  /** Tokens after which examples are cut. Default: 2048. */
  maxLength?: number | undefined;
  /** Replace an existing recipe. */
  force?: boolean | undefined;
  /** Stops the work; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
}

/** The result of `writeRecipe`. */
export interface WrittenRecipe {
  /** Folder of the recipe. */
  out: string;
  /** Names of the runs, in the order in which they are made. */
  runs: string[];
  /** The command that makes them, to be run in that folder. */
  command: string;
}

/** How the recipe is started, in its folder. */
const COMMANDS: Record<TrainerName, string> = { 'llama-factory': 'sh run.sh', trl: 'python train.py' };
/** Identifies a recipe of ours, so that nothing else is replaced. */
const MARKERS: Record<TrainerName, string> = { 'llama-factory': 'run.sh', trl: 'train.py' };

/**
 * Writes a folder with which LLaMA-Factory or TRL collects the checkpoints that `dnd finetune` would, for bases that are
 * too large for it: data, configurations, and a program that makes the runs one after the other.
 * @returns the runs, and the command that makes them
 * @throws DndError INVALID_ARGUMENT, INVALID_PROMPTS as `finetune`; UNSUPPORTED_BASE for a GGUF file; FILE_NOT_FOUND,
 * READ_FAILED; OUTPUT_EXISTS, DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function writeRecipe(options: RecipeOptions): Promise<WrittenRecipe> {
  const {
    config,
    trainer,
    template,
    maxLength = 2048,
    force,
    signal,
  } = checkOptions(options, 'options of writeRecipe');
  const out = resolve(checkPath(options.out, 'out (the output folder)'));
  checkWholeNumber(maxLength, 'maxLength', 1);
  if (!TRAINERS.includes(trainer))
    throw invalidValue('INVALID_ARGUMENT', 'trainer', `one of ${TRAINERS.join(', ')}`, trainer);
  if (trainer === 'llama-factory' && !isText(template))
    throw new DndError(
      'INVALID_ARGUMENT',
      "template: LLaMA-Factory needs its name of the base's chat template, such as qwen, qwen3_nothink, llama3 or mistral. Give it (--template)",
    );
  const { out: _, tasks: listed, ...given } = await readFinetuneConfig(config);
  const settings = resolveSettings(given, config);
  const tasks = await listTasks(listed);
  const data = new Map<string, readonly PromptItem[]>();
  for (const task of tasks) data.set(task.name, (await readTaskItems(task, fieldsOf(settings))).trained);
  if (settings.jointTrain !== undefined)
    data.set(JOINT_DATA, await jointItems(settings.jointTrain, fieldsOf(settings)));
  const runs = planRuns(settings, tasks);
  const base = await baseName(settings.base, config);
  const parts = { base, settings, runs, data, maxLength };
  const files = trainer === 'trl' ? trlFiles(parts) : llamaFactoryFiles(parts, template!);
  await writeFolderAtomically(out, { force, signal, marker: MARKERS[trainer] }, async (staging) => {
    for (const [name, content] of files) await writeFileAtomically(join(staging, name), content, { durable: false });
    if (files.has('run.sh')) await chmod(join(staging, 'run.sh'), 0o755);
  });
  return { out, runs: runs.map(({ name }) => name), command: COMMANDS[trainer] };
}

async function jointItems(file: string, fields: PromptFields): Promise<PromptItem[]> {
  const items = await readPromptItems(file, fields);
  requireResponses(items, file);
  return items;
}

/** A base that is no folder here is an id of the Hugging Face hub. */
async function baseName(base: string, config: string): Promise<string> {
  if (await isGguf(base))
    throw new DndError(
      'UNSUPPORTED_BASE',
      `${base}: trainers do not take a GGUF file as base. Name the folder of the model, or its Hugging Face id`,
    );
  return (await isFolder(base)) ? base : relative(dirname(resolve(config)), base).replaceAll('\\\\', '/');
}
