import type { SettingTable } from '../settings/index.js';
import { SCHEDULES, type ScheduleName } from '../training/schedule.js';
import { CHECKPOINT_DTYPES, type CheckpointDtype, FINETUNE_SETTINGS } from './settings.js';

/** Settings of training all weights; `PRETRAIN_SETTINGS` describes each with its default. */
export interface PretrainSettings {
  /** Number of optimiser steps. Default: 1000. */
  steps: number;
  /** Sequences per step. Default: 16. */
  batch: number;
  /** Examples that are computed together; gradients are accumulated over the batch. Default: the batch. */
  microBatch: number | undefined;
  /** Learning rate after warm-up. Default: 0.003. */
  learningRate: number;
  /** Learning-rate schedule: cosine decay to 0, or constant. Default: 'cosine'. */
  schedule: ScheduleName;
  /** Number of linear warm-up steps. Default: 50. */
  warmupSteps: number;
  /** AdamW's beta1, decay of the first moment. Default: 0.9. */
  beta1: number;
  /** AdamW's beta2, decay of the second moment. Default: 0.99. */
  beta2: number;
  /** AdamW's epsilon. Default: 1e-8. */
  eps: number;
  /** Decoupled weight decay. Default: 0. */
  weightDecay: number;
  /** Gradient clipping threshold (norm over all parameters); 0 disables clipping. Default: 1. */
  maxGradientNorm: number;
  /** Standard deviation of the initial matrices. Default: 0.02. */
  initialDeviation: number;
  /** Dtype of the saved weights. Default: 'f32'. */
  dtype: CheckpointDtype;
  /** Random seed. Default: 0. */
  seed: number;
  /** Memory limit of the base model and of training, in bytes. Default: available memory. */
  memoryLimit: number | undefined;
  /** Number of threads. Default: DND_THREADS, else all usable CPUs. */
  threads: number | undefined;
}

const { batch, microBatch, beta1, beta2, eps, weightDecay, maxGradientNorm, seed, memoryLimit, threads } =
  FINETUNE_SETTINGS;

export const PRETRAIN_SETTINGS: SettingTable<PretrainSettings> = {
  steps: { kind: { is: 'whole', from: 1 }, default: 1000, affectsWeights: true, about: 'number of optimiser steps' },
  batch: { ...batch, about: 'sequences per step' },
  microBatch,
  learningRate: { ...FINETUNE_SETTINGS.learningRate, default: 3e-3 },
  schedule: {
    kind: { is: 'choice', of: SCHEDULES },
    default: 'cosine',
    affectsWeights: true,
    about: 'learning-rate schedule: cosine decay to 0, or constant',
  },
  warmupSteps: { ...FINETUNE_SETTINGS.warmupSteps, default: 50 },
  beta1,
  beta2,
  eps,
  weightDecay,
  maxGradientNorm,
  initialDeviation: {
    kind: { is: 'number', from: 0, above: true },
    default: 0.02,
    affectsWeights: true,
    about: 'standard deviation of the initial matrices',
  },
  dtype: {
    kind: { is: 'choice', of: Object.keys(CHECKPOINT_DTYPES) },
    default: 'f32',
    affectsWeights: true,
    about: 'dtype of the saved weights',
  },
  seed,
  memoryLimit,
  threads,
};
