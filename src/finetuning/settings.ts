import { MODULE_NAMES } from '../adapter/index.js';
import { PRECISIONS, type PrecisionName } from '../engine/index.js';
import { FIELD_DESCRIPTIONS, type PromptFields } from '../prompts/index.js';
import type { SettingKind, SettingTable } from '../settings/index.js';
import { SCHEDULES, type ScheduleName } from '../training/schedule.js';

/** Dtypes of saved checkpoints. */
export const CHECKPOINT_DTYPES = { f32: 'F32', bf16: 'BF16', f16: 'F16' } as const;
/** Dtypes of saved weights: `f32`, `bf16`, `f16`. */
export type CheckpointDtype = keyof typeof CHECKPOINT_DTYPES;

/** Settings of fine-tuning, the same for all tasks; `FINETUNE_SETTINGS` describes each with its default. */
export interface FinetuneSettings {
  /** Base model: folder with config.json, model.safetensors and tokenizer.json, or a GGUF file. Required. */
  base: string;
  /** PEFT adapter from which every task starts. Default: A random as in PEFT, the same for every task, B zero. */
  start: string | undefined;
  /** System prompt of every example. Default: the chat template's own. */
  system: string | undefined;
  /**
   * Field or column with the prompt in prompt files; several, comma-separated, are joined by line breaks. Default:
   * found by its name.
   */
  promptField: string | undefined;
  /** Field or column with the response in prompt files. Default: found by its name. */
  responseField: string | undefined;
  /** Rank of the adapters. Default: 8. */
  rank: number;
  /** Alpha of the adapters. Default: 2 · rank. */
  alpha: number | undefined;
  /** Scale the adapters by alpha / √rank instead of alpha / rank. Default: false. */
  useRslora: boolean;
  /** Adapted modules. Default: q_proj,k_proj,v_proj,o_proj,up_proj,gate_proj,down_proj. */
  modules: readonly string[];
  /** Steps of one run over all training tasks, from whose adapter every task continues; 0: none. Default: 0. */
  jointSteps: number;
  /** Examples of the joint run instead of those of the tasks. */
  jointTrain: string | undefined;
  /** Batch size of the joint run. Default: that of batch. */
  jointBatch: number | undefined;
  /** Learning rate of the joint run. Default: that of learningRate. */
  jointLearningRate: number | undefined;
  /** Steps of a task before its checkpoints. Default: 60. */
  steps: number;
  /** Number of checkpoints of a task; 0: only the joint run, for training with the behaviour loss. Default: 20. */
  checkpoints: number;
  /** Steps to each checkpoint. Default: 1. */
  checkpointEvery: number;
  /** Learning rate of the steps to the checkpoints. Default: a tenth of learningRate. */
  checkpointLearningRate: number | undefined;
  /** Examples per step. Default: 16. */
  batch: number;
  /** Examples that are computed together; gradients are accumulated over the batch. Default: the batch. */
  microBatch: number | undefined;
  /** Learning rate after warm-up. Default: 2e-4. */
  learningRate: number;
  /**
   * Learning-rate schedule of the steps before the checkpoints: constant, or cosine decay to 0. Default: 'constant'.
   */
  schedule: ScheduleName;
  /** Number of linear warm-up steps. Default: 0. */
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
  /** Dtype of the saved checkpoints. Default: 'f32'. */
  dtype: CheckpointDtype;
  /**
   * Precision of the base's products: bf16 takes half their time, and needs a CPU with AVX512-BF16. Default: 'fp32'.
   */
  precision: PrecisionName;
  /** Random seed. Default: 0. */
  seed: number;
  /** Steps after which the state is saved, to be resumed from after a crash. Default: 100. */
  saveEvery: number;
  /** Memory limit of the base model and of training, in bytes. Default: available memory. */
  memoryLimit: number | undefined;
  /** Number of threads. Default: DND_THREADS, else all usable CPUs. */
  threads: number | undefined;
}

/** With every default in its place. */
export type ResolvedSettings = FinetuneSettings & {
  [Name in 'alpha' | 'jointBatch' | 'jointLearningRate' | 'checkpointLearningRate' | 'microBatch']: number;
};

const whole = (from: number): SettingKind => ({ is: 'whole', from });
const from0: SettingKind = { is: 'number', from: 0 };
const above0: SettingKind = { is: 'number', from: 0, above: true };
const beta: SettingKind = { is: 'number', from: 0, below: 1 };

/** In the order of `dnd finetune --help`. */
export const FINETUNE_SETTINGS: SettingTable<FinetuneSettings> = {
  base: {
    kind: { is: 'path' },
    required: true,
    affectsWeights: false,
    about: 'base model: folder with config.json, model.safetensors and tokenizer.json, or a GGUF file',
  },
  start: {
    kind: { is: 'path' },
    affectsWeights: false,
    about: 'PEFT adapter from which every task starts (default: A random as in PEFT, the same for every task, B zero)',
  },
  system: {
    kind: { is: 'text' },
    affectsWeights: true,
    about: "system prompt of every example (default: the chat template's own)",
  },
  promptField: { kind: { is: 'text' }, affectsWeights: true, about: FIELD_DESCRIPTIONS.promptField },
  responseField: { kind: { is: 'text' }, affectsWeights: true, about: FIELD_DESCRIPTIONS.responseField },
  rank: {
    kind: { is: 'whole', from: 1, to: 2 ** 13 },
    default: 8,
    affectsWeights: true,
    about: 'rank of the adapters',
  },
  alpha: { kind: above0, affectsWeights: true, about: 'alpha of the adapters (default: 2 · rank)' },
  useRslora: {
    kind: { is: 'boolean' },
    default: false,
    affectsWeights: true,
    about: 'scale the adapters by alpha / √rank instead of alpha / rank',
  },
  modules: {
    kind: { is: 'names' },
    affectsWeights: true,
    about: `adapted modules (default: ${MODULE_NAMES.join(',')})`,
  },
  jointSteps: {
    kind: whole(0),
    default: 0,
    affectsWeights: true,
    about: 'steps of one run over all training tasks, from whose adapter every task continues; 0: none',
  },
  jointTrain: {
    kind: { is: 'path' },
    affectsWeights: false,
    about: 'examples of the joint run instead of those of the tasks',
  },
  jointBatch: { kind: whole(1), affectsWeights: true, about: 'batch size of the joint run (default: that of batch)' },
  jointLearningRate: {
    kind: above0,
    affectsWeights: true,
    about: 'learning rate of the joint run (default: that of learningRate)',
  },
  steps: { kind: whole(0), default: 60, affectsWeights: true, about: 'steps of a task before its checkpoints' },
  checkpoints: {
    kind: whole(0),
    default: 20,
    affectsWeights: true,
    about: 'number of checkpoints of a task; 0: only the joint run, for training with the behaviour loss',
  },
  checkpointEvery: { kind: whole(1), default: 1, affectsWeights: true, about: 'steps to each checkpoint' },
  checkpointLearningRate: {
    kind: above0,
    affectsWeights: true,
    about: 'learning rate of the steps to the checkpoints (default: a tenth of learningRate)',
  },
  batch: { kind: { is: 'whole', from: 1, to: 2 ** 16 }, default: 16, affectsWeights: true, about: 'examples per step' },
  microBatch: {
    kind: whole(1),
    affectsWeights: true,
    about: 'examples that are computed together; gradients are accumulated over the batch (default: the batch)',
  },
  learningRate: { kind: above0, default: 2e-4, affectsWeights: true, about: 'learning rate after warm-up' },
  schedule: {
    kind: { is: 'choice', of: SCHEDULES },
    default: 'constant',
    affectsWeights: true,
    about: 'learning-rate schedule of the steps before the checkpoints: constant, or cosine decay to 0',
  },
  warmupSteps: { kind: whole(0), default: 0, affectsWeights: true, about: 'number of linear warm-up steps' },
  beta1: { kind: beta, default: 0.9, affectsWeights: true, about: "AdamW's beta1, decay of the first moment" },
  beta2: { kind: beta, default: 0.99, affectsWeights: true, about: "AdamW's beta2, decay of the second moment" },
  eps: { kind: above0, default: 1e-8, affectsWeights: true, about: "AdamW's epsilon" },
  weightDecay: { kind: from0, default: 0, affectsWeights: true, about: 'decoupled weight decay' },
  maxGradientNorm: {
    kind: from0,
    default: 1,
    affectsWeights: true,
    about: 'gradient clipping threshold (norm over all parameters); 0 disables clipping',
  },
  dtype: {
    kind: { is: 'choice', of: Object.keys(CHECKPOINT_DTYPES) },
    default: 'f32',
    affectsWeights: true,
    about: 'dtype of the saved checkpoints',
  },
  precision: {
    kind: { is: 'choice', of: [...PRECISIONS] },
    default: 'fp32',
    affectsWeights: true,
    about: "precision of the base's products: bf16 takes half their time, and needs a CPU with AVX512-BF16",
  },
  seed: { kind: whole(0), default: 0, affectsWeights: true, about: 'random seed' },
  saveEvery: {
    kind: whole(1),
    default: 100,
    affectsWeights: false,
    about: 'steps after which the state is saved, to be resumed from after a crash',
  },
  memoryLimit: {
    kind: { is: 'bytes' },
    affectsWeights: false,
    about: 'memory limit of the base model and of training, e.g. 20GB (default: available memory)',
  },
  threads: {
    kind: whole(1),
    affectsWeights: false,
    about: 'number of threads (default: DND_THREADS, else all usable CPUs)',
  },
};

export const FINETUNE_SETTING_NAMES = Object.keys(FINETUNE_SETTINGS) as (keyof FinetuneSettings)[];

/** How the prompt files of a run are read. Its `system` is for the chat template, not a part of prompts. */
export function fieldsOf({ promptField, responseField }: Partial<FinetuneSettings>): PromptFields {
  return { promptField, responseField };
}
