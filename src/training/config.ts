import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { parseJsonText, readText } from '../files/index.js';
import { checkPath, invalidValue, isText, quoteValue } from '../validation/index.js';
import { SET_BASE } from './behaviour/index.js';
import { checkSettings } from './check-setting.js';
import type { TrainingSettings } from './settings.js';
import { BEHAVIOUR_SETTINGS, SETTING_NAMES, SETTINGS } from './settings-table.js';

/** A configuration file: settings and the run's output folder. */
export interface TrainingConfig extends Partial<TrainingSettings> {
  /** Folder of the run. */
  out?: string;
}

/**
 * Reads a configuration file (JSON). Its paths are relative to its own folder.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; INVALID_ARGUMENT for invalid JSON, an unknown setting (with the nearest
 * known one) or an invalid value
 */
export async function readConfig(path: string): Promise<TrainingConfig> {
  checkPath(path, 'the configuration file');
  const text = await readText(path, 'configuration file');
  let json: unknown;
  try {
    json = parseJsonText(text);
  } catch (cause) {
    throw new DndError('INVALID_ARGUMENT', `${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const { out, ...rest } = (json ?? {}) as { out?: unknown };
  if (out !== undefined && !isText(out)) throw invalidValue('INVALID_ARGUMENT', `${path}: out`, 'a path', out);
  const settings = checkSettings(Array.isArray(json) ? json : rest, path);
  const absolute = withAbsolutePaths(settings, dirname(path));
  return out === undefined ? absolute : { ...absolute, out: resolve(dirname(path), out) };
}

/** The settings with absolute paths. 'hash' names a text encoder and is not a path. */
export function withAbsolutePaths(settings: Partial<TrainingSettings>, from = '.'): Partial<TrainingSettings> {
  const absolute = { ...settings };
  for (const name of ['pairs', 'base', 'encoder'] as const) {
    const path = settings[name];
    if (typeof path === 'string' && path !== '' && !(name === 'encoder' && path === 'hash'))
      absolute[name] = resolve(from, path);
  }
  return absolute;
}

/**
 * Adds defaults for missing settings and checks their combination.
 * @throws DndError INVALID_ARGUMENT
 */
export function resolveSettings(given: Partial<TrainingSettings>, source = 'the settings'): TrainingSettings {
  const checked = checkSettings(given, source);
  const settings: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const value = checked[name] ?? SETTINGS[name].default;
    if (value === undefined && SETTINGS[name].required)
      throw invalidValue('INVALID_ARGUMENT', `${source}: ${name}`, SETTINGS[name].about, value);
    settings[name] = value;
  }
  const resolved = settings as unknown as TrainingSettings;
  const published = resolved.loss === 'tokens' && resolved.targets !== 'delta' && resolved.basis === undefined;
  resolved.normalisation ??= published ? 'chunk' : 'residual';
  resolved.tokenSteps ??= resolved.loss === 'both' ? Math.floor(resolved.steps / 2) : 0;
  const { batch, microBatch, loss, normalisation, targets, basis } = resolved;
  if (microBatch !== undefined && microBatch > batch)
    throw new DndError('INVALID_ARGUMENT', `${source}: microBatch ${microBatch} is more than the batch of ${batch}`);
  if (loss !== 'tokens' && normalisation !== 'residual')
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: loss '${loss}' needs the normalisation 'residual', not '${normalisation}'. Leave normalisation out`,
    );
  if (loss !== 'tokens' && resolved.base === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: loss '${loss}' runs the base model, and base is missing. ${SET_BASE}`,
    );
  if (basis !== undefined && normalisation !== 'residual')
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: basis needs the normalisation 'residual', not '${normalisation}'. Leave normalisation out`,
    );
  requireTwoLosses(resolved, source);
  if (resolved.basisKind === 'learned') requireLearnable(resolved, source);
  if (targets !== 'delta') return resolved;
  if (loss === 'behaviour')
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: targets 'delta' are those of the token loss, and the loss is 'behaviour'. Leave targets out, or set loss to 'tokens' or 'both'`,
    );
  if (normalisation !== 'residual')
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: targets 'delta' need the normalisation 'residual', not '${normalisation}'. Leave normalisation out`,
    );
  return resolved;
}

/** @throws DndError INVALID_ARGUMENT for steps of the token loss in a run without both losses, or that leave no others */
function requireTwoLosses({ loss, tokenSteps, steps }: TrainingSettings, source: string): void {
  if (tokenSteps === 0) return;
  if (loss !== 'both')
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: tokenSteps is of the loss 'both', and the loss is '${loss}'. Leave tokenSteps out, or set loss to 'both'`,
    );
  if (tokenSteps >= steps)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: tokenSteps ${tokenSteps} leaves none of the ${steps} steps for the behaviour loss`,
    );
}

/** @throws DndError INVALID_ARGUMENT for a learned basis without directions, or with a loss that needs fixed ones */
function requireLearnable({ basis, loss, targets }: TrainingSettings, source: string): void {
  if (basis === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: basisKind 'learned' is of a basis, and basis is missing. Set it to the number of directions, or leave basisKind out`,
    );
  if (loss === 'behaviour' || targets === 'delta') return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `${source}: a learned basis has no coefficients of checkpoints for the token loss to compare with. Set loss to 'behaviour', or targets to 'delta'`,
  );
}

/**
 * The settings of a resumed run, some of them changed.
 * @throws DndError RESUME_MISMATCH for one that affects the weights; INVALID_ARGUMENT
 */
export function changedSettings(
  run: TrainingSettings,
  changes: Partial<TrainingSettings>,
  folder: string,
): TrainingSettings {
  const checked = checkSettings(changes, 'the settings');
  const different = SETTING_NAMES.filter(
    (name) => checked[name] !== undefined && JSON.stringify(checked[name]) !== JSON.stringify(run[name]),
  );
  const refused = different.filter((name) => decides(name, run));
  if (refused.length > 0)
    throw new DndError(
      'RESUME_MISMATCH',
      `${folder} cannot be resumed with these settings: ` +
        `${refused.map((name) => `${name} is ${run[name] === undefined ? 'not set' : quoteValue(run[name])}, not ${quoteValue(checked[name])}`).join('; ')}; ` +
        'omit them, or start a new run',
    );
  return { ...run, ...checked };
}

/** SHA-256 of the settings that affect the weights. */
export function settingsDigest(settings: TrainingSettings): string {
  const values = SETTING_NAMES.filter((name) => decides(name, settings) && !isImplied(name, settings)).map((name) => [
    name,
    settings[name] ?? null,
  ]);
  return createHash('sha256').update(JSON.stringify(values)).digest('hex');
}

/** Digests of runs from before the setting existed stay valid. */
function isImplied(name: keyof TrainingSettings, settings: TrainingSettings): boolean {
  const { normalisation, targets, loss, behaviourTarget } = settings;
  if (name === 'normalisation') return normalisation === 'chunk';
  if (name === 'targets') return targets === 'raw';
  if (name === 'basisKind') return settings.basisKind === 'principal';
  if (name === 'behaviourTarget' && behaviourTarget === 'responses') return true;
  if (name === 'tokenSteps' && settings.tokenSteps === 0) return true;
  if (name === 'conditionComponents' || name === 'basis') return settings[name] === undefined;
  const ofBehaviour: readonly (keyof TrainingSettings)[] = ['loss', ...BEHAVIOUR_SETTINGS];
  return loss === 'tokens' && ofBehaviour.includes(name);
}

/**
 * Whether changing the setting would change the weights. At a constant learning rate a run may be made longer or
 * shorter.
 */
function decides(name: keyof TrainingSettings, settings: TrainingSettings): boolean {
  return SETTINGS[name].affectsWeights && !(name === 'steps' && settings.schedule === 'constant');
}
