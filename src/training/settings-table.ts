import { FLOAT_DTYPES, NORMALISATIONS } from '../adapter/index.js';
import { ALGORITHM_CHOICES, LARGEST_BATCH, PRECISIONS } from '../engine/index.js';
import { PADDINGS, POOLINGS } from '../generator/manifest.js';
import { PRESET_NAMES } from '../generator/presets.js';
import type { Setting, SettingKind } from '../settings/index.js';
import { TARGETS } from './pairs/index.js';
import { SCHEDULES } from './schedule.js';
import { BASIS_KINDS, BEHAVIOUR_TARGETS, LOSSES, type TrainingSettings } from './settings.js';
import { FORMS } from './texts.js';

const whole = (from: number): SettingKind => ({ is: 'whole', from });
const choice = (of: readonly string[]): SettingKind => ({ is: 'choice', of });
const from0: SettingKind = { is: 'number', from: 0 };
const beta: SettingKind = { is: 'number', from: 0, below: 1 };
const GiB = 2 ** 30;

/** The settings in the order of `dnd train --help`. Defaults are the published recipe's unless noted. */
export const SETTINGS: Readonly<Record<keyof TrainingSettings, Setting>> = {
  pairs: { kind: { is: 'path' }, required: true, affectsWeights: false, about: 'folder of prompt–checkpoint pairs' },
  base: {
    kind: { is: 'path' },
    affectsWeights: false,
    about: 'base model: config.json, its folder, or a GGUF file (default: as given by pairs.json or the checkpoints)',
  },
  encoder: {
    kind: { is: 'path' },
    required: true,
    affectsWeights: false,
    about: "text encoder folder, or 'hash' for the built-in encoder",
  },
  encoderLayer: {
    kind: whole(1),
    affectsWeights: true,
    about: 'layer of a decoder-only text encoder whose hidden states are taken (default: the last)',
  },
  preset: { kind: choice(PRESET_NAMES), affectsWeights: true, about: 'published configuration of the decoder' },
  features: {
    kind: { is: 'features' },
    affectsWeights: true,
    about: 'decoder shapes as JSON: [tokens, height, width] from the condition to the weight tokens',
  },
  kernelSize: { kind: whole(1), affectsWeights: true, about: 'kernel size of the convolutions (odd)' },
  maxLength: {
    kind: whole(1),
    affectsWeights: true,
    about: 'maximum tokens per prompt; more than features[0][1] adds a length projection',
  },
  chunk: {
    kind: whole(1),
    affectsWeights: true,
    about: "columns per weight token (default: the preset's, else derived from the base model)",
  },
  normalisation: {
    kind: choice(NORMALISATIONS),
    affectsWeights: true,
    about:
      "weight tokens: chunk, each chunk by its own mean and deviation, as published (default for the loss 'tokens'); or residual, its deviation from the mean of the training checkpoints or, without any, from the start adapter (otherwise)",
  },
  targets: {
    kind: choice(TARGETS),
    default: 'raw',
    affectsWeights: true,
    about:
      'checkpoints as targets: raw, their matrices as they are, as published; canonical, a form that depends on B·A alone; aligned, the form closest to the start adapter; or delta, B·A itself: the token loss becomes one on what adapters add to the base',
  },
  basis: {
    kind: whole(1),
    affectsWeights: true,
    about:
      'number of directions shared by all adapters, whose coefficients the decoder ends in: the last of features is [n, 1, 1] (default: it ends in weight tokens)',
  },
  basisKind: {
    kind: choice(BASIS_KINDS),
    default: 'principal',
    affectsWeights: true,
    about:
      "directions of the basis: principal, those of the training checkpoints; or learned with the decoder, by the loss 'behaviour' or the targets 'delta'",
  },
  padding: {
    kind: choice(PADDINGS),
    affectsWeights: true,
    about: 'hidden states of padding positions: encoded as published, or zero (default: encode)',
  },
  pooling: {
    kind: choice(POOLINGS),
    affectsWeights: true,
    about: 'hidden states per prompt: none keeps one per token, mean or cls pools them to one (default: none)',
  },
  conditionComponents: {
    kind: whole(1),
    affectsWeights: true,
    about: 'whitened principal components that each hidden state becomes (default: the hidden states as they are)',
  },
  form: {
    kind: choice(FORMS),
    default: 'prompt',
    affectsWeights: true,
    about: 'text that is encoded: the prompt, its answer, both, a mix; or descriptions of the task',
  },
  loss: {
    kind: choice(LOSSES),
    default: 'tokens',
    affectsWeights: true,
    about:
      "loss: tokens, the squared error against the checkpoints' weight tokens, as published; behaviour, how likely the base with the generated adapter gives the task's responses; or both",
  },
  behaviourTarget: {
    kind: choice(BEHAVIOUR_TARGETS),
    default: 'responses',
    affectsWeights: true,
    about:
      "behaviour loss: responses, the cross-entropy of a task's own responses; or checkpoints, the KL divergence of the predictions of their tokens from those with the checkpoint drawn for the step",
  },
  behaviourWeight: {
    kind: { is: 'number', from: 0, above: true },
    default: 1,
    affectsWeights: true,
    about: 'weight of the behaviour loss, in nats per token, beside the token loss',
  },
  tokenSteps: {
    kind: whole(0),
    affectsWeights: true,
    about:
      "loss 'both': number of first steps that minimise the token loss alone, the others then the behaviour loss alone; 0: every step minimises their weighted sum (default: half of the steps)",
  },
  sequences: {
    kind: whole(1),
    default: 4,
    affectsWeights: true,
    about: 'behaviour loss: prompts with responses of each task in a step',
  },
  startDeviation: {
    kind: { is: 'number', from: 0, above: true },
    default: 0.002,
    affectsWeights: true,
    about:
      'behaviour loss without checkpoints: root mean square of what an untrained generator adds to the weights of the start adapter',
  },
  precision: {
    kind: choice([...PRECISIONS]),
    default: 'fp32',
    affectsWeights: true,
    about:
      "behaviour loss: precision of the base's products; bf16 takes half their time, and needs a CPU with AVX512-BF16",
  },
  system: {
    kind: { is: 'text' },
    affectsWeights: true,
    about: "behaviour loss: system prompt of every example (default: the chat template's own)",
  },
  steps: { kind: whole(1), default: 2500, affectsWeights: true, about: 'number of optimiser steps' },
  batch: {
    kind: { is: 'whole', from: 1, to: LARGEST_BATCH },
    default: 8,
    affectsWeights: true,
    about: 'batch size: checkpoints per step',
  },
  microBatch: {
    kind: whole(1),
    affectsWeights: true,
    about: 'micro-batch size; gradients are accumulated over the batch (default: as large as memory allows)',
  },
  learningRate: {
    kind: { is: 'number', from: 0, above: true },
    default: 3e-5,
    affectsWeights: true,
    about: 'learning rate after warm-up',
  },
  schedule: {
    kind: choice(SCHEDULES),
    default: 'cosine',
    affectsWeights: true,
    about: 'learning-rate schedule: cosine decay to 0, or constant',
  },
  warmupSteps: { kind: whole(0), default: 1, affectsWeights: true, about: 'number of linear warm-up steps' },
  beta1: { kind: beta, default: 0.9, affectsWeights: true, about: "AdamW's beta1, decay of the first moment" },
  beta2: { kind: beta, default: 0.999, affectsWeights: true, about: "AdamW's beta2, decay of the second moment" },
  eps: { kind: { is: 'number', from: 0, above: true }, default: 1e-8, affectsWeights: true, about: "AdamW's epsilon" },
  weightDecay: {
    kind: from0,
    default: 0.1,
    affectsWeights: true,
    about: 'decoupled weight decay, applied to every parameter',
  },
  maxGradientNorm: {
    kind: from0,
    default: 1,
    affectsWeights: true,
    about: 'gradient clipping threshold (norm over all parameters); 0 disables clipping',
  },
  moments: {
    kind: choice(['fp32', '8bit']),
    default: 'fp32',
    affectsWeights: true,
    about: "precision of AdamW's moments; 8bit takes a quarter of the memory",
  },
  conditionNoise: {
    kind: from0,
    default: 1e-4,
    affectsWeights: true,
    about: 'standard deviation of the noise added to conditions',
  },
  targetNoise: {
    kind: from0,
    default: 1e-5,
    affectsWeights: true,
    about: 'standard deviation of the noise added to target weight tokens',
  },
  tokenImportance: {
    kind: { is: 'boolean' },
    default: true,
    affectsWeights: true,
    about: 'weight the loss of each weight token by how much it differs between checkpoints',
  },
  algorithm: {
    kind: choice(ALGORITHM_CHOICES),
    default: 'auto',
    affectsWeights: true,
    about: 'convolution algorithm; auto: the one predicted to be faster',
  },
  seed: { kind: whole(0), default: 0, affectsWeights: true, about: 'random seed' },
  heldOutTasks: {
    kind: { is: 'names' },
    affectsWeights: true,
    about: 'tasks to evaluate but not train on (default: heldOut of pairs.json); none: no task',
  },
  heldOutCheckpoints: {
    kind: { is: 'number', from: 0, below: 1 },
    default: 0.1,
    affectsWeights: true,
    about: "fraction of each other task's checkpoints to evaluate but not train on; at least one of five or more",
  },
  evaluateEvery: {
    kind: whole(0),
    default: 50,
    affectsWeights: false,
    about: 'steps between evaluations; 0 disables them',
  },
  evaluationCheckpoints: {
    kind: whole(1),
    default: 8,
    affectsWeights: false,
    about: 'maximum number of held-out checkpoints evaluated per task',
  },
  evaluationTasks: {
    kind: whole(1),
    default: 16,
    affectsWeights: false,
    about: 'behaviour loss: maximum number of held-out tasks whose responses are evaluated',
  },
  evaluationItems: {
    kind: whole(1),
    default: 8,
    affectsWeights: false,
    about: 'behaviour loss: maximum number of responses evaluated per task',
  },
  checkpointEvery: { kind: whole(1), default: 100, affectsWeights: false, about: 'steps between checkpoints' },
  keepCheckpoints: { kind: whole(1), default: 3, affectsWeights: false, about: 'number of checkpoints to keep' },
  saveDtype: {
    kind: choice(Object.keys(FLOAT_DTYPES)),
    default: 'f32',
    affectsWeights: false,
    about: "dtype of a checkpoint's generator; training resumes from float32 in any case",
  },
  skipCorrupt: {
    kind: { is: 'boolean' },
    default: false,
    affectsWeights: false,
    about: 'skip damaged checkpoints of the pairs, and list them',
  },
  promptCacheBytes: {
    kind: { is: 'bytes' },
    default: GiB,
    affectsWeights: false,
    about: 'memory limit of the cache of encoded prompts, e.g. 4GB',
  },
  promptDiskBytes: {
    kind: { is: 'bytes' },
    default: 20 * GiB,
    affectsWeights: false,
    about: 'disk limit of the cache of encoded prompts',
  },
  targetCacheBytes: {
    kind: { is: 'bytes' },
    default: GiB,
    affectsWeights: false,
    about: 'memory limit of the cache of weight tokens',
  },
  memoryLimit: {
    kind: { is: 'bytes' },
    affectsWeights: false,
    about: 'memory limit of the decoder in training, e.g. 20GB (default: available memory)',
  },
  threads: {
    kind: whole(1),
    affectsWeights: false,
    about: 'number of threads (default: DND_THREADS, else all usable CPUs)',
  },
  device: { kind: { is: 'device' }, affectsWeights: false, about: 'compute device: cpu; auto is the same' },
};

/** Settings that only the behaviour loss reads. */
export const BEHAVIOUR_SETTINGS = [
  'behaviourTarget',
  'behaviourWeight',
  'tokenSteps',
  'sequences',
  'startDeviation',
  'precision',
  'system',
] as const;

export const SETTING_NAMES = Object.keys(SETTINGS) as (keyof TrainingSettings)[];
