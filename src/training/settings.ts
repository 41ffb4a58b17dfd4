import type { FloatDtypeName, Normalisation } from '../adapter/index.js';
import type { Padding, Pooling } from '../encoder/index.js';
import type { AlgorithmChoice, Device, PrecisionName } from '../engine/index.js';
import type { Feature } from '../generator/decoder-shape.js';
import type { PresetName } from '../generator/presets.js';
import type { TargetKind } from './pairs/index.js';
import type { ScheduleName } from './schedule.js';
import type { ConditionForm } from './texts.js';

/**
 * What is minimised: 'tokens', the squared error of the weight tokens against those of checkpoints, as published;
 * 'behaviour', −ln p of a task's own responses by the base with the generated adapter; or both.
 */
export const LOSSES = ['tokens', 'behaviour', 'both'] as const;
/** What is minimised: `tokens`, `behaviour` or `both`. */
export type LossKind = (typeof LOSSES)[number];

/**
 * What the behaviour loss compares the predictions of the base with the generated adapter with: 'responses', the tokens
 * of a task's own responses (cross-entropy); 'checkpoints', the predictions of these tokens with one of the task's own
 * checkpoints (KL divergence).
 */
export const BEHAVIOUR_TARGETS = ['responses', 'checkpoints'] as const;
/** What the behaviour loss compares with: `responses` or `checkpoints`. */
export type BehaviourTarget = (typeof BEHAVIOUR_TARGETS)[number];

/**
 * Where the directions of a basis come from: 'principal', the principal ones of the training checkpoints, which training
 * does not change; 'learned', random ones that are trained with the decoder.
 */
export const BASIS_KINDS = ['principal', 'learned'] as const;
/** Where the directions of a basis come from: `principal` or `learned`. */
export type BasisKind = (typeof BASIS_KINDS)[number];

/**
 * Settings of a training run; `SETTINGS` of settings-table.ts describes each with its default. Configuration files use these names, flags
 * the hyphenated form.
 */
export interface TrainingSettings {
  /** Folder of prompt–checkpoint pairs. Required. */
  pairs: string;
  /** Base model: config.json, its folder, or a GGUF file. Default: as given by pairs.json or the checkpoints. */
  base: string | undefined;
  /** Text encoder folder, or 'hash' for the built-in encoder. Required. */
  encoder: string;
  /** Layer of a decoder-only text encoder whose hidden states are taken. Default: the last. */
  encoderLayer: number | undefined;
  /** Published configuration of the decoder. */
  preset: PresetName | undefined;
  /** Decoder shapes: [tokens, height, width] from the condition to the weight tokens. */
  features: readonly Feature[] | undefined;
  /** Kernel size of the convolutions (odd). */
  kernelSize: number | undefined;
  /** Maximum tokens per prompt; more than features[0][1] adds a length projection. */
  maxLength: number | undefined;
  /** Columns per weight token. Default: the preset's, else derived from the base model. */
  chunk: number | undefined;
  /**
   * Weight tokens: chunk, each chunk by its own mean and deviation, as published; or residual, its deviation from the
   * mean of the training checkpoints or, without any, from the start adapter. Default: 'chunk' for the loss 'tokens'
   * unless `targets` is 'delta' or there is a `basis`; else 'residual'.
   */
  normalisation: Normalisation;
  /**
   * Checkpoints as targets: raw, their matrices as they are, as published; canonical, a form that depends on B·A
   * alone; aligned, the form closest to the start adapter; or delta, B·A itself: the token loss becomes one on what
   * adapters add to the base. Default: 'raw'.
   */
  targets: TargetKind;
  /**
   * Number of directions shared by all adapters, whose coefficients the decoder ends in: the last of features is
   * [n, 1, 1]. Default: it ends in weight tokens.
   */
  basis: number | undefined;
  /**
   * Directions of the basis: principal, those of the training checkpoints; or learned with the decoder, by the loss
   * 'behaviour' or the targets 'delta'. Default: 'principal'.
   */
  basisKind: BasisKind;
  /** Hidden states of padding positions: encoded as published, or zero. Default: encode. */
  padding: Padding | undefined;
  /** Hidden states per prompt: none keeps one per token, mean or cls pools them to one. Default: none. */
  pooling: Pooling | undefined;
  /** Whitened principal components that each hidden state becomes. Default: the hidden states as they are. */
  conditionComponents: number | undefined;
  /** Text that is encoded: the prompt, its answer, both, a mix; or descriptions of the task. Default: 'prompt'. */
  form: ConditionForm;
  /**
   * Loss: tokens, the squared error against the checkpoints' weight tokens, as published; behaviour, how likely the
   * base with the generated adapter gives the task's responses; or both. Default: 'tokens'.
   */
  loss: LossKind;
  /**
   * Behaviour loss: responses, the cross-entropy of a task's own responses; or checkpoints, the KL divergence of the
   * predictions of their tokens from those with the checkpoint drawn for the step. Default: 'responses'.
   */
  behaviourTarget: BehaviourTarget;
  /** Weight of the behaviour loss, in nats per token, beside the token loss. Default: 1. */
  behaviourWeight: number;
  /**
   * Loss both: number of first steps that minimise the token loss alone; the others then minimise the behaviour loss alone.
   * With 0 every step minimises their weighted sum. Default: half of the steps.
   */
  tokenSteps: number;
  /** Behaviour loss: prompts with responses of each task in a step. Default: 4. */
  sequences: number;
  /**
   * Behaviour loss without checkpoints: root mean square of what an untrained generator adds to the weights of the
   * start adapter. Default: 0.002.
   */
  startDeviation: number;
  /**
   * Behaviour loss: precision of the base's products; bf16 takes half their time, and needs a CPU with AVX512-BF16.
   * Default: 'fp32'.
   */
  precision: PrecisionName;
  /** Behaviour loss: system prompt of every example. Default: the chat template's own. */
  system: string | undefined;
  /** Number of optimiser steps. Default: 2500. */
  steps: number;
  /** Batch size: checkpoints per step. Default: 8. */
  batch: number;
  /** Micro-batch size; gradients are accumulated over the batch. Default: as large as memory allows. */
  microBatch: number | undefined;
  /** Learning rate after warm-up. Default: 3e-5. */
  learningRate: number;
  /** Learning-rate schedule: cosine decay to 0, or constant. Default: 'cosine'. */
  schedule: ScheduleName;
  /** Number of linear warm-up steps. Default: 1. */
  warmupSteps: number;
  /** AdamW's beta1, decay of the first moment. Default: 0.9. */
  beta1: number;
  /** AdamW's beta2, decay of the second moment. Default: 0.999. */
  beta2: number;
  /** AdamW's epsilon. Default: 1e-8. */
  eps: number;
  /** Decoupled weight decay, applied to every parameter. Default: 0.1. */
  weightDecay: number;
  /** Gradient clipping threshold (norm over all parameters); 0 disables clipping. Default: 1. */
  maxGradientNorm: number;
  /** Precision of AdamW's moments; 8bit takes a quarter of the memory. Default: 'fp32'. */
  moments: 'fp32' | '8bit';
  /** Standard deviation of the noise added to conditions. Default: 1e-4. */
  conditionNoise: number;
  /** Standard deviation of the noise added to target weight tokens. Default: 1e-5. */
  targetNoise: number;
  /** Weight the loss of each weight token by how much it differs between checkpoints. Default: true. */
  tokenImportance: boolean;
  /** Convolution algorithm; auto: the one predicted to be faster. Default: 'auto'. */
  algorithm: AlgorithmChoice;
  /** Random seed. Default: 0. */
  seed: number;
  /** Names of tasks to evaluate but not train on; an empty list: no task. Default: heldOut of pairs.json. */
  heldOutTasks: readonly string[] | undefined;
  /**
   * Fraction of each other task's checkpoints to evaluate but not train on, below 1; at least one of five or more.
   * Default: 0.1.
   */
  heldOutCheckpoints: number;
  /** Steps between evaluations; 0 disables them. Default: 50. */
  evaluateEvery: number;
  /** Maximum number of held-out checkpoints evaluated per task. Default: 8. */
  evaluationCheckpoints: number;
  /** Behaviour loss: maximum number of held-out tasks whose responses are evaluated. Default: 16. */
  evaluationTasks: number;
  /** Behaviour loss: maximum number of responses evaluated per task. Default: 8. */
  evaluationItems: number;
  /** Steps between checkpoints. Default: 100. */
  checkpointEvery: number;
  /** Number of checkpoints to keep. Default: 3. */
  keepCheckpoints: number;
  /**
   * Dtype of a checkpoint's generator, which `dnd generate` loads; in half precision the float32 parameters, from which
   * training resumes, are beside it. Default: 'f32'.
   */
  saveDtype: FloatDtypeName;
  /** Skip damaged checkpoints of the pairs, and list them. Default: false. */
  skipCorrupt: boolean;
  /** Memory limit of the cache of encoded prompts, in bytes. Default: 1 GiB. */
  promptCacheBytes: number;
  /** Disk limit of the cache of encoded prompts, in bytes. Default: 20 GiB. */
  promptDiskBytes: number;
  /** Memory limit of the cache of weight tokens, in bytes. Default: 1 GiB. */
  targetCacheBytes: number;
  /** Memory limit of the decoder in training, in bytes. Default: available memory. */
  memoryLimit: number | undefined;
  /** Number of threads. Default: DND_THREADS, else all usable CPUs. */
  threads: number | undefined;
  /** Compute device: cpu; auto is the same. */
  device: Device | undefined;
}
