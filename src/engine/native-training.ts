import type { BufferSlice, DecoderOptions, Done, Job, ParameterStore } from './native.js';

/** AdamW with decoupled decay, after clipping the gradient's norm over all parameters. */
export interface OptimiserOptions {
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** 0 = not clipped. */
  maxGradientNorm: number;
  /** How the moments are kept: float32, or 8-bit codes in blocks of 256, in about a quarter of the memory. */
  moments: 'fp32' | '8bit';
}

/** A decoder in training: what `TrainerHandle` of the addon is made from (bindings/trainer_handle.cc). */
export interface TrainerOptions extends DecoderOptions, OptimiserOptions {}

/** Some tasks of a step, with a target, an output gradient or both. Their gradient is added to what the step has so far. */
export interface TrainingBatch {
  /** float32 [batch, N0, projectedFrom || H0, W0] */
  condition: BufferSlice;
  /** float32 [batch, N, H, W] of the last feature; NaN where there is nothing. null: no token loss. */
  target: BufferSlice | null;
  /** float32 [batch, N, H, W]: gradient of another loss with respect to the weight tokens of `forward`; no noise then. */
  outputGradient: BufferSlice | null;
  /** float32 [N] of the last feature. */
  importance: BufferSlice | null;
  batch: number;
  /** Of the token loss: the share of the step's tasks. */
  weight: number;
  /** Whole numbers; task i of the batch draws from the streams of noiseStream + i. */
  noiseKey: number;
  noiseStream: number;
  /** Standard deviations. */
  conditionNoise: number;
  targetNoise: number;
}

/** What the weight tokens of one task are to their target, over the target's valid elements. */
export interface TaskSums {
  /** Elements that are not NaN in the target. */
  valid: number;
  /** Σ importance · (y − target)²; divided by `valid`, over all tasks, it is the loss. */
  weightedSquares: number;
  /** Σ y² */
  outputSquares: number;
  /** Σ target² */
  targetSquares: number;
  /** Σ y · target */
  product: number;
}

/** Something that the optimiser remembers, as a checkpoint stores it. */
export interface StateInfo {
  name: string;
  dtype: 'F32' | 'U8';
  elements: number;
}

/** Bytes that training takes. */
export interface TrainingMemory {
  /** The decoder's parameters. */
  parameters: number;
  /** Their gradients. */
  gradients: number;
  /** AdamW's moments. */
  states: number;
  /** Kept from the forward pass, and what the backward pass works in. */
  activations: number;
  /** Layers whose inner activations are kept; those of the others are computed again. */
  keptLayers: number;
  /**
   * Most bytes of a convolution's workspace: 1 GiB, or a half, a quarter … where the limit leaves less. The bytes that
   * training computes depend on it, and on nothing else that the limit decides.
   */
  convolutionLimit: number;
}

export interface TrainerHandle extends ParameterStore {
  initialise(seed: number, done: Done<undefined>): Job;
  /** Taking at most `limitBytes` in all if that is possible, else what it takes at least. */
  memory(batch: number, limitBytes: number, outputGradient: boolean): TrainingMemory;
  /** Forward, loss, backward. After `ABORTED: …` the step has no gradient, whatever was accumulated before. */
  accumulate(batch: TrainingBatch, limitBytes: number, done: Done<TaskSums[]>): Job;
  /** The gradient's norm before clipping; parameters and states are unchanged when it is not finite. */
  update(learningRate: number, done: Done<number>): Job;
  resetGradient(): void;
  /** A copy, as float32, of what was accumulated; never while the handle has a job. */
  readGradient(name: string, elementOffset: number, elementCount: number): ArrayBuffer;
  /** Without noise and gradient, taking at most `limitBytes` in all. Result: the weight tokens, float32 [batch, N, H, W]. */
  forward(condition: BufferSlice, batch: number, limitBytes: number, done: Done<ArrayBuffer>): Job;
  /** Steps that the optimiser has done. */
  step(): number;
  setStep(step: number): void;
  states(): StateInfo[];
  readonly stateBytes: number;
  /** Raw little-endian bytes of a state; never while the handle has a job. */
  readState(name: string, byteOffset: number, byteCount: number): ArrayBuffer;
  writeState(name: string, byteOffset: number, bytes: BufferSlice): void;
}

export interface TrainingPlanOptions {
  features: number[];
  kernelSize: number;
  projectedFrom: number;
  batch: number;
  algorithm: DecoderOptions['algorithm'];
  instructionSet: string;
}

/** Predicted work of one step. Pure. */
export interface TrainingPlan {
  /** One thread. */
  seconds: number;
  /** Of the direct algorithm, without padding taps: forward, gradients of inputs and of weights. */
  directMultiplyAdds: number;
  executedMultiplyAdds: number;
  convolutions: {
    layer: number;
    name: string;
    pass: 'forward' | 'input gradient' | 'weight gradient';
    algorithm: 'direct' | 'spectral';
    seconds: number;
    directMultiplyAdds: number;
  }[];
}
