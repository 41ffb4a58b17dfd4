import type { Padding, Pooling } from '../encoder/index.js';
import { ALGORITHM_CHOICES, type AlgorithmChoice, type Device, LARGEST_BATCH } from '../engine/index.js';
import type { Feature } from '../generator/decoder-shape.js';
import { PADDINGS, POOLINGS } from '../generator/manifest.js';
import { PRESET_NAMES, type PresetName } from '../generator/presets.js';
import { SCHEDULES, type ScheduleName } from './schedule.js';
import { type ConditionForm, FORMS } from './texts.js';

/**
 * What a training run is made of; `SETTINGS` says what each is, and its default. A configuration file has these names, and
 * flags their spellings with hyphens.
 */
export interface TrainingSettings {
  pairs: string;
  base: string | undefined;
  encoder: string;
  preset: PresetName | undefined;
  features: readonly Feature[] | undefined;
  kernelSize: number | undefined;
  maxLength: number | undefined;
  chunk: number | undefined;
  padding: Padding | undefined;
  pooling: Pooling | undefined;
  form: ConditionForm;
  steps: number;
  batch: number;
  microBatch: number | undefined;
  learningRate: number;
  schedule: ScheduleName;
  warmupSteps: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  maxGradientNorm: number;
  moments: 'fp32' | '8bit';
  conditionNoise: number;
  targetNoise: number;
  tokenImportance: boolean;
  algorithm: AlgorithmChoice;
  seed: number;
  heldOutTasks: readonly string[] | undefined;
  heldOutCheckpoints: number;
  evaluateEvery: number;
  evaluationCheckpoints: number;
  checkpointEvery: number;
  keepCheckpoints: number;
  skipCorrupt: boolean;
  promptCacheBytes: number;
  promptDiskBytes: number;
  targetCacheBytes: number;
  memoryLimit: number | undefined;
  threads: number | undefined;
  device: Device | undefined;
}

/** How the value of a setting looks; `check-setting.ts` checks it. */
export type SettingKind =
  | { is: 'path' }
  | { is: 'choice'; of: readonly string[] }
  | { is: 'whole'; from: number; to?: number }
  /** A number from `from` (with `above`: greater than it) and below `below`. */
  | { is: 'number'; from: number; above?: boolean; below?: number }
  | { is: 'boolean' }
  | { is: 'bytes' }
  | { is: 'names' }
  | { is: 'features' }
  | { is: 'device' };

export interface Setting {
  kind: SettingKind;
  /** Without one it may be left out, unless it is required. */
  default?: string | number | boolean;
  required?: true;
  /** Whether another value would give other weights, so that a run cannot go on with it. */
  decides: boolean;
  /** For `dnd train --help`. */
  about: string;
}

const whole = (from: number): SettingKind => ({ is: 'whole', from });
const choice = (of: readonly string[]): SettingKind => ({ is: 'choice', of });
const from0: SettingKind = { is: 'number', from: 0 };
const beta: SettingKind = { is: 'number', from: 0, below: 1 };
const GiB = 2 ** 30;

/** The settings in the order of `dnd train --help`. Numbers without another source are the published recipe's. */
export const SETTINGS: Readonly<Record<keyof TrainingSettings, Setting>> = {
  pairs: { kind: { is: 'path' }, required: true, decides: false, about: 'folder of the prompt–checkpoint pairs' },
  base: {
    kind: { is: 'path' },
    decides: false,
    about:
      'config.json of the base model, or the folder that holds it (default: what pairs.json or the checkpoints say)',
  },
  encoder: {
    kind: { is: 'path' },
    required: true,
    decides: false,
    about: "folder of a BERT-family text encoder, or 'hash', the built-in one",
  },
  preset: { kind: choice(PRESET_NAMES), decides: true, about: 'a published configuration of the decoder' },
  features: {
    kind: { is: 'features' },
    decides: true,
    about: 'shapes [tokens, height, width] from the condition to the weight tokens',
  },
  kernelSize: { kind: whole(1), decides: true, about: 'of the convolutions, odd' },
  maxLength: {
    kind: whole(1),
    decides: true,
    about: 'tokens of each prompt; more than features[0][1] adds a length projection',
  },
  chunk: {
    kind: whole(1),
    decides: true,
    about: "columns of a weight token (default: the preset's, else what suits the base)",
  },
  padding: { kind: choice(PADDINGS), decides: true, about: 'states of padding positions (default: encode)' },
  pooling: {
    kind: choice(POOLINGS),
    decides: true,
    about: 'one state for each token, or for each prompt (default: none)',
  },
  form: { kind: choice(FORMS), default: 'prompt', decides: true, about: 'what of an item becomes the condition' },
  steps: { kind: whole(1), default: 2500, decides: true, about: 'updates of the parameters' },
  batch: {
    kind: { is: 'whole', from: 1, to: LARGEST_BATCH },
    default: 8,
    decides: true,
    about: 'checkpoints in a step',
  },
  microBatch: {
    kind: whole(1),
    decides: true,
    about: 'of these, so many at once (default: as many as the memory has room for)',
  },
  learningRate: { kind: { is: 'number', from: 0, above: true }, default: 3e-5, decides: true, about: 'after warm-up' },
  schedule: {
    kind: choice(SCHEDULES),
    default: 'cosine',
    decides: true,
    about: 'whether the learning rate falls to 0 as half a cosine',
  },
  warmupSteps: { kind: whole(0), default: 1, decides: true, about: 'in which the learning rate grows' },
  beta1: { kind: beta, default: 0.9, decides: true, about: 'decay of the first moment' },
  beta2: { kind: beta, default: 0.999, decides: true, about: 'decay of the second moment' },
  eps: { kind: { is: 'number', from: 0, above: true }, default: 1e-8, decides: true, about: "AdamW's epsilon" },
  weightDecay: { kind: from0, default: 0.1, decides: true, about: 'of every parameter, decoupled' },
  maxGradientNorm: { kind: from0, default: 1, decides: true, about: 'to which the gradient is clipped; 0: never' },
  moments: {
    kind: choice(['fp32', '8bit']),
    default: 'fp32',
    decides: true,
    about: 'how the optimiser keeps its moments; 8bit takes a quarter of the memory',
  },
  conditionNoise: { kind: from0, default: 1e-4, decides: true, about: 'standard deviation of the noise on conditions' },
  targetNoise: { kind: from0, default: 1e-5, decides: true, about: 'standard deviation of the noise on weight tokens' },
  tokenImportance: {
    kind: { is: 'boolean' },
    default: true,
    decides: true,
    about: 'weigh weight tokens in the loss by how much they differ between checkpoints',
  },
  algorithm: { kind: choice(ALGORITHM_CHOICES), default: 'auto', decides: true, about: 'of the convolutions' },
  seed: { kind: whole(0), default: 0, decides: true, about: 'of everything random' },
  heldOutTasks: {
    kind: { is: 'names' },
    decides: true,
    about: 'tasks that are only evaluated (default: those that pairs.json names); none: no task',
  },
  heldOutCheckpoints: {
    kind: { is: 'number', from: 0, below: 1 },
    default: 0.1,
    decides: true,
    about: "share of each other task's checkpoints that are only evaluated, at least one of five or more",
  },
  evaluateEvery: { kind: whole(0), default: 50, decides: false, about: 'steps between evaluations; 0: none' },
  evaluationCheckpoints: {
    kind: whole(1),
    default: 8,
    decides: false,
    about: 'most held-out checkpoints of a task that are evaluated',
  },
  checkpointEvery: { kind: whole(1), default: 100, decides: false, about: 'steps between checkpoints of the run' },
  keepCheckpoints: { kind: whole(1), default: 3, decides: false, about: 'checkpoints of the run that are kept' },
  skipCorrupt: {
    kind: { is: 'boolean' },
    default: false,
    decides: false,
    about: 'pass over checkpoints of the pairs that cannot be used, and tell which',
  },
  promptCacheBytes: {
    kind: { is: 'bytes' },
    default: GiB,
    decides: false,
    about: 'most memory for the states of encoded prompts, such as 4GB',
  },
  promptDiskBytes: {
    kind: { is: 'bytes' },
    default: 20 * GiB,
    decides: false,
    about: 'most disk for the states of encoded prompts',
  },
  targetCacheBytes: {
    kind: { is: 'bytes' },
    default: GiB,
    decides: false,
    about: 'most memory for weight tokens of checkpoints that were read',
  },
  memoryLimit: {
    kind: { is: 'bytes' },
    decides: false,
    about: 'most memory for the decoder in training, such as 20GB',
  },
  threads: {
    kind: whole(1),
    decides: false,
    about: 'threads that share the work (default: DND_THREADS, else all usable CPUs)',
  },
  device: { kind: { is: 'device' }, decides: false, about: 'where to compute: cpu, or auto, which is the same so far' },
};

export const SETTING_NAMES = Object.keys(SETTINGS) as (keyof TrainingSettings)[];
