import type { AdapterLayout } from '../adapter/index.js';
import { loadTextEncoder, type TextEncoder } from '../encoder/index.js';
import { cpuUse, trainingDevice } from '../engine/index.js';
import { DndError } from '../errors.js';
import type { Basis } from '../generator/basis.js';
import type { ConditionProjection } from '../generator/condition-projection.js';
import { decoderOf, planGenerator } from '../generator/create.js';
import { conditionShape, type DecoderShape } from '../generator/decoder-shape.js';
import { type GeneratorManifest, layoutOf } from '../generator/manifest.js';
import { openPairs, type Pairs, type TargetWeights, targetWeights } from './pairs/index.js';
import type { OnTrainingProgress } from './progress.js';
import type { TrainingSettings } from './settings.js';
import { type Split, splitPairs } from './split.js';
import { conditionTexts } from './texts.js';

/** Everything that follows from settings and pairs, except the decoder's memory. */
export interface Preparation {
  settings: TrainingSettings;
  pairs: Pairs;
  split: Split;
  manifest: GeneratorManifest;
  layout: AdapterLayout;
  /** How checkpoints are read. */
  weights: TargetWeights;
  /** As conditions are made: with `projection`, once there is one. */
  encoder: TextEncoder;
  /** Of the setting basis, once there is one. */
  basis?: Basis | undefined;
  /** Of the setting conditionComponents. */
  projection?: ConditionProjection | undefined;
  /** The texts to encode, by task name. */
  texts: ReadonlyMap<string, readonly string[]>;
}

export interface PrepareOptions {
  /** Default: the one that the settings name. */
  loadEncoder?: ((decoder: DecoderShape) => Promise<TextEncoder>) | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: OnTrainingProgress | undefined;
}

/**
 * Reads the pairs, loads the text encoder and checks that decoder, pairs and encoder fit each other.
 * @throws DndError as `openPairs`, `decoderOf`, `planGenerator`, `loadTextEncoder`; INVALID_ARGUMENT; INVALID_PROMPTS;
 * `signal.reason`
 */
export async function prepare(settings: TrainingSettings, options: PrepareOptions): Promise<Preparation> {
  const { signal, onProgress } = options;
  // Invalid settings are reported before the pairs are read.
  trainingDevice({ device: settings.device });
  const decoder = decoderOf(settings);
  const { base, skipCorrupt } = settings;
  const pairs = await openPairs(settings.pairs, {
    base,
    skipCorrupt,
    signal,
    onProgress: (fraction) => onProgress?.(fraction, 'pairs'),
  });
  if (!pairs.base)
    throw new DndError(
      'INVALID_ARGUMENT',
      `base is missing: neither pairs.json nor the checkpoints in ${pairs.folder} name the base model. Set base (--base) to its config.json`,
    );
  const split = splitPairs(pairs.tasks, settings);
  requireTargets(pairs, split, settings);
  const texts = new Map(pairs.tasks.map((task) => [task.name, conditionTexts(task, settings.form, settings.seed)]));
  const load = options.loadEncoder ?? ((shape) => loadNewEncoder(settings, shape, signal));
  onProgress?.(0, 'load');
  const encoder = await load(decoder);
  try {
    const { rank, alpha, useRslora, modules } = pairs.adapter;
    const generator = { ...settings, rank, alpha, useRslora, modules };
    const manifest = planGenerator(generator, decoder, pairs.base, encoder);
    const layout = layoutOf(manifest);
    const weights = await targetWeights(settings.targets, pairs, layout, signal);
    return { settings, pairs, split, manifest, layout, weights, encoder, texts };
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

/** @throws DndError INVALID_PAIRS where the loss compares with checkpoints, or starts from an adapter, that is not there */
function requireTargets(
  { folder, start }: Pairs,
  { training }: Split,
  { loss, behaviourTarget }: TrainingSettings,
): void {
  const without = training.filter(({ checkpoints }) => checkpoints.length === 0).map(({ task }) => task.name);
  if (without.length === 0) return;
  const found = `pairs folder ${folder}: ${without.length} of ${training.length} training tasks have no checkpoints (${without[0]!}, …)`;
  if (loss !== 'behaviour')
    throw new DndError(
      'INVALID_PAIRS',
      `${found}, and the loss '${loss}' compares with them. Add checkpoints, or train with the loss 'behaviour'`,
    );
  if (behaviourTarget === 'checkpoints')
    throw new DndError(
      'INVALID_PAIRS',
      `${found}, and the behaviour target 'checkpoints' compares with them. Add checkpoints, or train with the behaviour target 'responses'`,
    );
  if (without.length < training.length || start === null)
    throw new DndError(
      'INVALID_PAIRS',
      `${found}; expected checkpoints of every task, or of none and a start in pairs.json`,
    );
}

/** Reports skipped checkpoints and warnings about the pairs to `onNotice`. */
export function reportPairs({ pairs }: Preparation, onNotice: ((message: string) => void) | undefined): void {
  for (const { checkpoint, message } of pairs.skipped)
    onNotice?.(`skipped: ${message.includes(checkpoint) ? '' : `${checkpoint}: `}${message}`);
  for (const warning of pairs.warnings) onNotice?.(warning);
}

function loadNewEncoder(
  { encoder, encoderLayer: layer, threads, conditionComponents }: TrainingSettings,
  decoder: DecoderShape,
  signal: AbortSignal | undefined,
): Promise<TextEncoder> {
  // Of the hash encoder: those of the condition, if they are not principal components.
  const channels = conditionComponents === undefined ? conditionShape(decoder)[2] : undefined;
  return loadTextEncoder(encoder, { threads, signal, channels, layer, device: cpuUse(null) });
}
