/** Handles, jobs and devices of the addon: part of the boundary described in `native-binding.ts`. */

export interface CpuInfo {
  /** The instruction set in use: `DND_CPU_ISA` if set, else the best the machine has. */
  isa: 'baseline' | 'avx2' | 'avx512' | 'neon';
  available: string[];
  /** Whether it goes with AVX512-BF16 on this machine: products can have the precision 'bf16'. */
  bfloat16: boolean;
  /** CPUs that this process can use: those it may run on, or the CPU quota of its control group, rounded up. */
  usableCpus: number;
  /** The default number of threads: `DND_THREADS`, else `usableCpus`. */
  defaultThreads: number;
  compiler: string;
}

export interface DeviceInfo {
  /** Path of the CUDA library, or where it would be. */
  library: string;
  /** Why no CUDA device is available: no library, no driver, …; null otherwise. */
  problem: string | null;
  devices: CudaDevice[];
}

/** In the order of their ordinals. */
export interface CudaDevice {
  name: string;
  memoryBytes: number;
  computeMajor: number;
  computeMinor: number;
  /** CUDA versions, as it counts them: 13000 is 13.0. */
  driverVersion: number;
  runtimeVersion: number;
  /** Why it cannot be used; null if no reason is known. */
  problem: string | null;
}

/** The device of a handle, and how it is used. */
export interface DeviceOptions {
  device: 'cpu' | 'cuda';
  /** Which of several CUDA devices. */
  ordinal: number;
  /** 'mixed' of a CUDA device; 'bf16' of a CPU. */
  precision: 'mixed' | 'fp32' | 'bf16';
  /** Path of the library of a CUDA device; '': `DND_CUDA_LIBRARY`, else that beside the addon. */
  cudaLibrary: string;
  /** Device memory limit of the handle on a CUDA device; 0 = available memory. */
  deviceLimitBytes: number;
  /** Of the host; 0 = the engine's default. */
  threads: number;
}

/** Called once, on the JavaScript thread, never before the call that started the job has returned. */
export type Done<T> = (failure: string | undefined, result: T) => void;

/**
 * Work on its own thread. Jobs of one handle run one after the other, in the order requested; those of different
 * handles run concurrently.
 */
export interface Job {
  /** Stops the work at its next tile; a queued job never starts. `done` is then called with `ABORTED: …`. */
  cancel(): void;
  /** Fraction done, 0…1. */
  progress(): number;
}

/** Part of an ArrayBuffer (not a SharedArrayBuffer). A typed array is one. */
export interface BufferSlice {
  buffer: ArrayBufferLike;
  byteOffset: number;
  byteLength: number;
}

export type ParameterDtype = 'F32' | 'F16' | 'BF16' | 'F64';

export interface ParameterInfo {
  /** The reference's (decoder) or Hugging Face's (encoder) name. */
  name: string;
  shape: number[];
}

export interface DeviceMemory {
  /** Bytes of device memory in use by the handle. */
  heldBytes: number;
  /** Bytes available to its next job; for a CPU, where this is unknown, a number larger than any memory. */
  roomBytes: number;
}

/**
 * Parameters live in host memory as float32, whatever the device; they are written and read in pieces of a few
 * megabytes, never while the handle has a job.
 */
export interface ParameterStore {
  parameters(): ParameterInfo[];
  /** Size of the parameters in bytes. Parameters never written do not occupy memory yet. */
  readonly parameterBytes: number;
  /**
   * Converts `bytes` (little-endian values of `dtype`) into elements [elementOffset, …) of the parameter.
   * Returns the index within the parameter of the first value that is not a finite float32, or −1.
   */
  writeParameter(name: string, elementOffset: number, bytes: BufferSlice, dtype: ParameterDtype): number;
  /** A copy, as float32. */
  readParameter(name: string, elementOffset: number, elementCount: number): ArrayBuffer;
  /** Uploads the parameters to the device, as the first job after a write would. A no-op for a CPU. */
  prepare(done: Done<undefined>): Job;
  /** For a CUDA device only while the handle has no job. */
  deviceMemory(): DeviceMemory;
  /** Cancels the handle's jobs and frees the memory now, or as soon as the running one has stopped. Idempotent. */
  dispose(): void;
}

/** A file that parameters may be mapped from. */
export interface MappedFile {
  /** Of the open file; may be closed afterwards. */
  descriptor: number;
  /** For messages. */
  path: string;
}

/** Where the values of a parameter are: dense little-endian float32. */
export interface MappedValues {
  /** Of the parameter. */
  name: string;
  /** Index in the list of files. */
  file: number;
  byteOffset: number;
  byteLength: number;
  dtype: 'F32' | 'F16' | 'BF16';
}

/** Parameters that can be in mapped files instead: these are read-only, and cost no memory of their own. */
export interface MappableStore extends ParameterStore {
  /**
   * Takes the values of those parameters from the files that can be taken as they are; drops whatever parameters held
   * before. Returns the names of the mapped ones: none where the system does not map files. From now on a job fails with
   * CORRUPT_FILE if one of the files has been cut or written to.
   */
  mapParameters(files: MappedFile[], values: MappedValues[]): string[];
  /** The first value of the mapped parameters that is not finite; null if all are. */
  checkMapped(done: Done<{ name: string; element: number } | null>): Job;
}

export interface DecoderOptions extends DeviceOptions {
  /** Flat [N0,H0,W0, N1,H1,W1, …]: the condition's shape first, the weight tokens' last. */
  features: number[];
  kernelSize: number;
  /** Length of the condition before the length projection (L → H0); 0 = no length projection. */
  projectedFrom: number;
  /** Of every convolution. */
  algorithm: AlgorithmChoice;
}

/** An adapter layout as numbers. The adapter's tensors are contiguous, in float32. */
export interface FlatLayout {
  /** Of all weight tokens of an adapter; those of the decoder's last feature. */
  tokens: number;
  height: number;
  width: number;
  rank: number;
  /** Elements of a tensor's length in one token. */
  chunk: number;
  /** Of an adapter. */
  elements: number;
  /** Five for each tensor: first token, tokens, length, 1 if [length, rank] (else [rank, length]), first element. */
  tensors: number[];
  /**
   * float32 [elements] and [tokens]: weight = mean + scale · element, and tokens have no margins. null: mean and standard
   * deviation of each chunk are in its token's margins.
   */
  residual: { mean: BufferSlice; scales: BufferSlice } | null;
}

export interface DecoderHandle extends MappableStore {
  /**
   * Device memory of `forward`, copies of condition and weight tokens included, or of `adapters` for adapters of
   * `restoredElements` > 0: at most `limitBytes` if possible, else a sufficient limit. For a CUDA device
   * only while the handle has no job.
   */
  workspaceBytes(batch: number, limitBytes: number, restoredElements: number): number;
  /** PyTorch's default initialisation from a Philox stream: the same numbers for the same seed on every machine and for any number of threads. */
  initialise(seed: number, done: Done<undefined>): Job;
  /**
   * Writes what `initialise` would give elements [elementOffset, …) of a parameter into other memory: float32, as many as
   * fit. The parameters stay as they are. `elementOffset` is a multiple of 4.
   */
  initialValues(seed: number, name: string, elementOffset: number, into: BufferSlice, done: Done<undefined>): Job;
  /**
   * `condition`: float32 [batch, N0, projectedFrom || H0, W0]. Result: weight tokens, float32 [batch, N, H, W] of the
   * last feature. `limitBytes`: as of `workspaceBytes`; `OUT_OF_MEMORY: …` if it is too low.
   */
  forward(condition: BufferSlice, batch: number, limitBytes: number, done: Done<ArrayBuffer>): Job;
  /** `forward`, then denormalises the tokens on the device. Result: one adapter per task, float32 [elements]. */
  adapters(
    condition: BufferSlice,
    batch: number,
    layout: FlatLayout,
    limitBytes: number,
    done: Done<ArrayBuffer[]>,
  ): Job;
  /** The length projection alone: float32 [batch, N0, H0, W0]. Only when `projectedFrom` > 0. */
  project(condition: BufferSlice, batch: number, done: Done<ArrayBuffer>): Job;
}

export interface EncoderSizes {
  vocabSize: number;
  hiddenSize: number;
  layers: number;
  heads: number;
  intermediateSize: number;
  /** Of a window. */
  maxPositions: number;
  /** 0 = no embeddings of token types. */
  typeVocabSize: number;
  layerNormEps: number;
  activation: 'gelu' | 'gelu_tanh' | 'relu';
}

/** How a text encoder differs from BERT (native/model/text_encoder_config.h). */
export interface EncoderArchitecture {
  headWidth: number;
  /** A table of position embeddings. */
  learnedPositions: boolean;
  /** Positions are counted as RoBERTa does: from paddingId + 1 on, without tokens of that id; −1 = from 0 on. */
  paddingId: number;
  /** Biases of attention scores by distance, as in T5; 0 = none. */
  relativeBuckets: number;
  relativeMaxDistance: number;
  relativeBiasPerLayer: boolean;
  /** Base of the rotary positions of each layer; [] = none. */
  rotaryThetas: number[];
  /** Largest distance that each layer attends to, 0 = any; [] = any in all layers. */
  windows: number[];
  embeddingNorm: boolean;
  /** Norms before attention and feed-forward, and one after the last layer. */
  preNorm: boolean;
  rmsNorm: boolean;
  firstAttentionNorm: boolean;
  normBias: boolean;
  attentionBias: boolean;
  feedForwardBias: boolean;
  /** feed-forward: activation(intermediate) · gate. */
  gated: boolean;
  /** Attention scores are divided by √headWidth. */
  scaledAttention: boolean;
}

export interface EncoderOptions extends EncoderSizes, DeviceOptions {
  /** null = BERT's. */
  architecture: EncoderArchitecture | null;
}

export interface EncodeOptions {
  /** Rows of `ids` and `mask`. */
  prompts: number;
  /** Columns of `ids` and `mask`; a multiple of `window`. */
  length: number;
  /** Length of the pieces that pass through the encoder one by one (≤ maxPositions); usually = length. */
  window: number;
  /** Hidden states of padding positions: computed as the published code does, or zeros (and then not computed). */
  padding: 'encode' | 'zero';
  pooling: 'none' | 'mean' | 'cls';
}

export interface EncoderHandle extends MappableStore {
  workspaceBytes(options: EncodeOptions): number;
  /**
   * `ids`, `mask`: int32 [prompts, length], mask 1 for a real token and 0 for padding.
   * Result: float32 [prompts, length, hidden], or [prompts, hidden] when pooled.
   */
  encode(ids: BufferSlice, mask: BufferSlice, options: EncodeOptions, done: Done<ArrayBuffer>): Job;
}

/** Number of timed runs, after one warm-up run. */
export interface MeasurementRuns extends DeviceOptions {
  runs: number;
  /** No further run starts once the runs have taken this long in total. */
  enoughSeconds: number;
}

export interface Measured {
  /** Of each run, in order. */
  seconds: number[];
}

export interface ConvolutionMeasurement {
  axis: 'width' | 'height' | 'token';
  /** Input shape. */
  tokens: number;
  height: number;
  width: number;
  /** Size of the convolved axis afterwards. */
  outputChannels: number;
  kernelSize: number;
  batch: number;
  algorithm: AlgorithmChoice;
  /** Workspace limit of the convolution; 0 = the default. */
  workspaceBytes: number;
}

/** All fields but `seconds` exist for the spectral algorithm only. */
export interface MeasuredConvolution extends Measured {
  /** Processor time of forward, halve, columns, product, inverse, summed over the threads, of the median run. */
  partSeconds?: [number, number, number, number, number];
  /** Floating-point operations of the complex product. */
  productFlop?: number;
  /** Points of a tile along the spatial axes. */
  pointsI?: number;
  pointsJ?: number;
}

export type InstructionSet = CpuInfo['isa'];

/** Algorithm of the convolutions; auto: the one predicted to be faster. */
export type AlgorithmChoice = 'auto' | 'direct' | 'spectral';

/** Of matrix products; mixed: float16 operands and float32 sums. */
export type PrecisionChoice = 'mixed' | 'fp32';
