import type { SettingTable } from '../settings/index.js';
import { SCHEDULES, type ScheduleName } from '../training/schedule.js';
import { CHECKPOINT_DTYPES, type CheckpointDtype, FINETUNE_SETTINGS } from './settings.js';

/** Settings of training all weights; `PRETRAIN_SETTINGS` describes each with its default. */
export interface PretrainSettings {
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
  initialDeviation: number;
  dtype: CheckpointDtype;
  seed: number;
  memoryLimit: number | undefined;
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
