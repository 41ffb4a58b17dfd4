import { dirname, resolve } from 'node:path';
import { MODULE_NAMES, selectModules } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { parseJsonText, readText } from '../files/index.js';
import { checkSettings } from '../settings/index.js';
import { checkPath, Fields, invalidValue, isObject, isText, quoteValue } from '../validation/index.js';
import { FINETUNE_SETTING_NAMES, FINETUNE_SETTINGS, type FinetuneSettings, type ResolvedSettings } from './settings.js';

/** A data set to fine-tune on, in files. */
export interface FinetuneTask {
  /** Name of the task, and of its folder in the pairs folder. */
  name: string;
  /** Prompt file with responses: the examples. */
  train: string;
  /** Prompt file from which a generator is to be conditioned. Default: the examples. */
  prompts?: string | undefined;
  /** Prompt file of texts that each describe the task, for generators that are conditioned on these. */
  descriptions?: string | undefined;
  /** Held out when a generator is trained, and left out of the joint run. Default: false. */
  heldOut?: boolean | undefined;
}

/** A configuration file: settings, tasks and the output folder. */
export interface FinetuneConfig extends Partial<FinetuneSettings> {
  /** Output folder: a pairs folder. */
  out?: string | undefined;
  /** The tasks, or a folder that has a folder for each task, with `train.json` in it. */
  tasks?: readonly FinetuneTask[] | string | undefined;
}

/** Files that a task may have beside its examples. */
export const TASK_FILES = ['prompts', 'descriptions'] as const;
const TASK_KEYS = ['name', 'train', ...TASK_FILES, 'heldOut'];
const PATHS = ['base', 'start', 'jointTrain'] as const;

/**
 * Reads a configuration file (JSON). Its paths are relative to its own folder.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; INVALID_ARGUMENT for invalid JSON, an unknown setting (with the nearest
 * known one) or an invalid value
 */
export async function readFinetuneConfig(path: string): Promise<FinetuneConfig> {
  checkPath(path, 'the configuration file');
  const text = await readText(path, 'configuration file');
  let json: unknown;
  try {
    json = parseJsonText(text);
  } catch (cause) {
    throw new DndError('INVALID_ARGUMENT', `${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(json)) throw invalidValue('INVALID_ARGUMENT', path, 'a JSON object of settings', json);
  const { out, tasks, ...settings } = json;
  if (out !== undefined && !isText(out)) throw invalidValue('INVALID_ARGUMENT', `${path}: out`, 'a path', out);
  const from = dirname(path);
  return {
    ...absolutePaths(checkSettings(settings, FINETUNE_SETTINGS, path), from),
    ...(out === undefined ? {} : { out: resolve(from, out) }),
    ...(tasks === undefined ? {} : { tasks: checkTasks(tasks, path, from) }),
  };
}

/**
 * Validates tasks, and makes their paths absolute.
 * @param source the prefix of messages
 * @throws DndError INVALID_ARGUMENT
 */
export function checkTasks(tasks: unknown, source: string, from = '.'): FinetuneTask[] | string {
  if (isText(tasks)) return resolve(from, checkPath(tasks, `${source}: tasks`));
  if (!Array.isArray(tasks) || tasks.length === 0)
    throw invalidValue('INVALID_ARGUMENT', `${source}: tasks`, 'a folder, or a list of { name, train }', tasks);
  return tasks.map((task, index) => {
    const fields = new Fields(task, source, `tasks[${index}]`, 'INVALID_ARGUMENT');
    fields.refuseOthers(TASK_KEYS);
    const given = (key: string) => (fields.raw(key) ?? null) !== null;
    return {
      name: fields.text('name'),
      train: resolve(from, checkPath(fields.text('train'), `${source}: tasks[${index}].train`)),
      ...Object.fromEntries(TASK_FILES.filter(given).map((key) => [key, resolve(from, fields.text(key))])),
      ...(given('heldOut') ? { heldOut: fields.boolean('heldOut') } : {}),
    };
  });
}

/** The settings with absolute paths. */
export function absolutePaths(settings: Partial<FinetuneSettings>, from = '.'): Partial<FinetuneSettings> {
  const absolute = { ...settings };
  for (const name of PATHS) {
    const path = settings[name];
    if (typeof path === 'string') absolute[name] = resolve(from, path);
  }
  return absolute;
}

/**
 * Adds defaults for missing settings and checks their combination.
 * @throws DndError INVALID_ARGUMENT
 */
export function resolveSettings(given: Partial<FinetuneSettings>, source = 'the settings'): ResolvedSettings {
  const checked = checkSettings(given, FINETUNE_SETTINGS, source);
  const settings: Record<string, unknown> = {};
  for (const name of FINETUNE_SETTING_NAMES) {
    const value = checked[name] ?? FINETUNE_SETTINGS[name].default;
    if (value === undefined && FINETUNE_SETTINGS[name].required)
      throw invalidValue('INVALID_ARGUMENT', `${source}: ${name}`, FINETUNE_SETTINGS[name].about, value);
    settings[name] = value;
  }
  const resolved = settings as unknown as FinetuneSettings;
  const { start, jointSteps, jointTrain, batch, learningRate } = resolved;
  if (jointTrain !== undefined && jointSteps === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: jointTrain is given, but there is no joint run. Set jointSteps, the number of its steps`,
    );
  if (resolved.checkpoints === 0 && jointSteps === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: checkpoints is 0 and jointSteps too, so that nothing would be trained. Set jointSteps, the steps of the joint run`,
    );
  // An adapter has its own rank, alpha and modules.
  const own = (['rank', 'alpha', 'useRslora', 'modules'] as const).filter((name) => checked[name] !== undefined);
  if (start !== undefined && own.length > 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: ${own.join(', ')} cannot be set together with start: they are those of the adapter. Leave them out`,
    );
  return {
    ...resolved,
    alpha: resolved.alpha ?? 2 * resolved.rank,
    modules: selectModules(resolved.modules ?? MODULE_NAMES, MODULE_NAMES).map(({ name }) => name),
    jointBatch: resolved.jointBatch ?? batch,
    jointLearningRate: resolved.jointLearningRate ?? learningRate,
    checkpointLearningRate: resolved.checkpointLearningRate ?? learningRate / 10,
    microBatch: resolved.microBatch ?? Math.max(batch, resolved.jointBatch ?? 0),
  };
}

/**
 * The settings of a resumed run, some of them changed.
 * @throws DndError RESUME_MISMATCH that names the settings that would change the weights; INVALID_ARGUMENT
 */
export function changedSettings(
  run: ResolvedSettings,
  changes: Partial<FinetuneSettings>,
  folder: string,
): ResolvedSettings {
  const checked = checkSettings(changes, FINETUNE_SETTINGS, 'the settings');
  const modules = checked.modules && selectModules(checked.modules, MODULE_NAMES).map(({ name }) => name);
  const wanted = modules ? { ...checked, modules } : checked;
  const refused = FINETUNE_SETTING_NAMES.filter(
    (name) =>
      FINETUNE_SETTINGS[name].affectsWeights &&
      wanted[name] !== undefined &&
      JSON.stringify(wanted[name]) !== JSON.stringify(run[name]),
  );
  if (refused.length === 0) return { ...run, ...(wanted as Partial<ResolvedSettings>) };
  throw new DndError(
    'RESUME_MISMATCH',
    `${folder} cannot be resumed with these settings: ` +
      `${refused.map((name) => `${name} is ${run[name] === undefined ? 'not set' : quoteValue(run[name])}, not ${quoteValue(wanted[name])}`).join('; ')}; ` +
      'omit them, or start a new run',
  );
}
