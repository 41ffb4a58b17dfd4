import type { BufferSlice, DeviceOptions, Done, Job, MappableStore, ParameterStore } from './native.js';
import type { OptimiserOptions, StateInfo } from './native-training.js';

/** The architecture of a causal language model of the Llama family, in numbers. */
export interface CausalSizes {
  /** Number of token ids. */
  vocabSize: number;
  /** Width of the hidden states. */
  hiddenSize: number;
  /** Number of decoder layers. */
  layers: number;
  /** Number of query heads per layer. */
  heads: number;
  /** Number of key and value heads per layer. */
  kvHeads: number;
  /** Width of one head. */
  headWidth: number;
  /** Width of the feed-forward layer. */
  intermediateSize: number;
  /** Most tokens of a sequence. */
  maxPositions: number;
  /** Epsilon of the RMS norms. */
  rmsNormEps: number;
  /** Biases of q_proj, k_proj and v_proj. */
  qkvBias: boolean;
  /** Bias of o_proj. */
  outputBias: boolean;
  /** Biases of the feed-forward layer. */
  mlpBias: boolean;
  /** RMS norms of each query and key head (Qwen3). */
  queryKeyNorm: boolean;
  /** The output head is the embedding table. */
  tiedHead: boolean;
  /** Sliding window of each layer; 0 = none. */
  windows: number[];
  /** Rotary frequencies, headWidth / 2 of them, after any scaling. */
  inverseFrequencies: number[];
}

/** What `CausalHandle` of the addon is made from (bindings/causal_handle.cc). */
export interface CausalOptions extends CausalSizes, DeviceOptions {}

/** Which projections a LoRA adapter adapts. */
export interface LoraShape {
  rank: number;
  /** Names of MODULES (src/adapter/modules.ts), in its order. */
  modules: string[];
  /** Ascending. */
  layers: number[];
}

/**
 * LoRA adapters of a batch. Each is float32 [elements], its tensors in the order of an AdapterLayout: layers ascending,
 * modules in the order of MODULES, of each A [rank, in], then B [out, rank].
 */
export interface LoraBatch extends LoraShape {
  /** alpha / rank, or alpha / √rank with rank-stabilised scaling. */
  scale: number;
  adapters: BufferSlice[];
  /** One for each adapter, or none: see `adapterGradients`. */
  teachers: BufferSlice[];
  /** Which of them each sequence uses; −1 = none. */
  adapterOf: number[];
}

/** Sequences of token ids, one after the other. */
export interface CausalBatch {
  /** int32 [tokens] */
  ids: BufferSlice;
  lengths: number[];
  lora: LoraBatch | null;
}

/** Of one sequence. */
export interface LikelihoodSum {
  /** Σ ln p(label) over the labels that are not ignored. */
  sum: number;
  /** Labels that are not ignored. */
  count: number;
}

/** Of one sequence. */
export interface SequenceLikelihood extends LikelihoodSum {
  /** The most likely ids in place of the labels that are not ignored, of several the smallest: int32 [count]. */
  predictions: ArrayBuffer;
}

export interface GenerationSettings {
  /** Of each sequence; the context's end stops it earlier. */
  maxNewTokens: number;
  /** Ids that end a sequence. */
  endIds: number[];
  /** 0 = greedy: the most likely token, of several the one with the smallest id. */
  temperature: number;
  /** Only the most likely tokens are drawn; 0 = all. */
  topK: number;
  /** Only the most likely tokens whose probabilities together reach topP are drawn; 1 = all. */
  topP: number;
  /** Key of the random numbers. */
  seed: number;
  /** Of each sequence: which random numbers it draws. What a sequence becomes depends on nothing else in the batch. */
  streams: number[];
}

export interface GeneratedIds {
  /** int32, without the prompt and the end id. */
  ids: ArrayBuffer;
  /** Whether it ended with one of `endIds`, not because of `maxNewTokens` or the context's end. */
  ended: boolean;
}

/** Loss of a batch and its gradient with respect to the adapters. */
export interface AdapterGradients {
  /** Of each sequence; with teachers, sums of −KL. */
  likelihoods: LikelihoodSum[];
  /** Of each adapter, float32 [elements]; zeros for one that no sequence uses. */
  gradients: ArrayBuffer[];
}

/** How much memory a training pass takes. */
export interface CausalPassMemory {
  /** Saved activations and working memory, in bytes. */
  activations: number;
  /** Layers whose activations are saved; those of the others are computed again. */
  savedLayers: number;
}

/**
 * Labels are int32 [tokens] in Hugging Face's convention: position i − 1 predicts label i of the same sequence; −100 is
 * ignored, and so is the label of a sequence's first position. An `OUT_OF_MEMORY: …` failure of a method with a limit
 * comes before any work.
 */
export interface CausalHandle extends MappableStore {
  /** Matrices normal with this standard deviation, norms 1, biases 0; the same numbers on every machine. */
  initialise(seed: number, standardDeviation: number, done: Done<undefined>): Job;
  /** Working memory of `logLikelihoods` beside operands and result; labels null: of `hiddenStates` or `logits`. */
  workspaceBytes(batch: CausalBatch, labels: BufferSlice | null): number;
  /** Working memory of `generate`, key–value cache included. */
  generationBytes(batch: CausalBatch, maxNewTokens: number): number;
  /** After layer `layer`, 1 … layers; after the last one, also the final norm. float32 [tokens, hiddenSize]. */
  hiddenStates(batch: CausalBatch, layer: number, done: Done<ArrayBuffer>): Job;
  /** float32 [tokens, vocabSize] */
  logits(batch: CausalBatch, done: Done<ArrayBuffer>): Job;
  logLikelihoods(batch: CausalBatch, labels: BufferSlice, done: Done<SequenceLikelihood[]>): Job;
  generate(batch: CausalBatch, settings: GenerationSettings, done: Done<GeneratedIds[]>): Job;
  /** Of `adapterGradients` within `limitBytes`, or else the least that it needs. */
  gradientMemory(batch: CausalBatch, labels: BufferSlice, limitBytes: number): CausalPassMemory;
  /**
   * Gradient of weight · Σ −ln p(label) with respect to each adapter; the base model is frozen. With teachers that of
   * weight · Σ KL(with the teacher ‖ with the adapter), over the predictions of the labels.
   */
  adapterGradients(
    batch: CausalBatch,
    labels: BufferSlice,
    weight: number,
    limitBytes: number,
    done: Done<AdapterGradients>,
  ): Job;
}

/** What is trained: every parameter of the model, or an adapter's beside a frozen model. */
export type TrainedParameters = { trained: 'all' } | ({ trained: 'lora'; scale: number } & LoraShape);

export type CausalTrainerOptions = TrainedParameters & OptimiserOptions & DeviceOptions;

/** Bytes that training takes beside the frozen model. */
export interface CausalTrainingMemory extends CausalPassMemory {
  /** Trained ones. */
  parameters: number;
  gradients: number;
  states: number;
}

/**
 * Shares the model's parameters with the CausalHandle that it is made from. Its own parameters are the trained ones:
 * the model's, or those of the adapter by PEFT's names (base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight),
 * in the order of LoraBatch. With `trained: 'all'` no job of the CausalHandle may run during `update`.
 */
export interface CausalTrainerHandle extends ParameterStore {
  /** An adapter as PEFT begins it: A uniform ± 1 / √in, B zeros. Every parameter as CausalHandle.initialise, deviation 0.02. */
  initialise(seed: number, done: Done<undefined>): Job;
  /** Within `limitBytes` beside the frozen model if that is possible, else the least that it takes. */
  memory(batch: CausalBatch, labels: BufferSlice, limitBytes: number): CausalTrainingMemory;
  /**
   * Forward, loss, backward; `batch.lora` is null. The gradient of weight · Σ −ln p(label) is added to the step's.
   * After `ABORTED: …` the step has no gradient, whatever was accumulated before. Likelihoods of each sequence.
   */
  accumulate(
    batch: CausalBatch,
    labels: BufferSlice,
    weight: number,
    limitBytes: number,
    done: Done<LikelihoodSum[]>,
  ): Job;
  /** The gradient's norm before clipping; parameters and states are unchanged when it is not finite. */
  update(learningRate: number, done: Done<number>): Job;
  resetGradient(): void;
  readGradient(name: string, elementOffset: number, elementCount: number): ArrayBuffer;
  /** Steps that the optimiser has done. */
  step(): number;
  setStep(step: number): void;
  states(): StateInfo[];
  readonly stateBytes: number;
  readState(name: string, byteOffset: number, byteCount: number): ArrayBuffer;
  writeState(name: string, byteOffset: number, bytes: BufferSlice): void;
}
