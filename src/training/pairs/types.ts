import type { AdapterLayout, BaseModel, LayoutTensor, ModuleName, TensorShape } from '../../adapter/index.js';
import type { ErrorCode } from '../../errors.js';
import type { PromptItem } from '../../prompts/index.js';
import type { TaskImportance } from './task-importance.js';

/** One item of a task's prompts file. The response is empty if the file has none. */
export type PairItem = PromptItem;

/** A LoRA checkpoint of a task: a PEFT folder, or a plain safetensors file with PEFT names. */
export interface Checkpoint {
  /** Its path in the pairs folder, with forward slashes, used in messages and reports. */
  name: string;
  /** The safetensors file. */
  path: string;
  /** Size of the file. */
  bytes: number;
  /** SHA-256 over the header and each tensor's digest: equal exactly for byte-identical files. */
  sha256: string;
  /** SHA-256 over the matrices alone, independent of their order, spelling of names, and metadata. */
  tensorsSha256: string;
  /** Statistics of all its weights together. */
  weights: WeightStatistics;
  /** Weights that mean nothing. */
  degenerate: DegenerateWeights;
}

/** Weights that are finite numbers and fit together, and yet mean nothing. */
export interface DegenerateWeights {
  /** Number of adapted modules. */
  modules: number;
  /** Those that the adapter leaves as they are, because lora_A or lora_B is zero. */
  idleModules: number;
  /** Other modules with a matrix whose elements are all the same. */
  constantModules: number;
  /** Matrices of more than one element, other than zero ones, whose elements are all the same. */
  constantMatrices: number;
}

/** Statistics of all weights of a checkpoint together. */
export interface WeightStatistics {
  /** Euclidean norm, √Σw². */
  norm: number;
  /** Arithmetic mean. */
  mean: number;
  /** Population standard deviation. */
  standardDeviation: number;
}

/** A data set: prompts, and LoRA checkpoints that were trained on it. */
export interface Task {
  /** Name of the task: that of its folder. */
  name: string;
  /** The items of its prompts file. */
  items: readonly PairItem[];
  /** Texts that each describe the task; at least one, if it has a file of them. */
  descriptions?: readonly string[];
  /**
   * Checkpoints in their training order: numbers in names count as numbers. None only where the pairs have a `start`.
   */
  checkpoints: readonly Checkpoint[];
  /** Held out from training, and evaluated. */
  heldOut: boolean;
  /** Token importance that is given, instead of computed from the checkpoints. */
  importance?: TaskImportance;
}

/** A problem that blocks training. */
export interface PairsProblem {
  /** null if it concerns the folder as a whole. */
  task: string | null;
  /** null if it does not concern a single checkpoint. */
  checkpoint: string | null;
  /** The error code that it would have by itself. */
  code: ErrorCode;
  /** What is wrong and what to do. */
  message: string;
}

/** The problem of an unusable checkpoint. */
export interface CheckpointProblem extends PairsProblem {
  /** Name of the task. */
  task: string;
  /** Name of the checkpoint. */
  checkpoint: string;
}

/** The adapters' scaling and target modules. */
export interface PairsAdapter {
  /** LoRA rank. */
  rank: number;
  /** LoRA alpha. */
  alpha: number;
  /** Scale by alpha / √rank instead of alpha / rank. */
  useRslora: boolean;
  /** Names of the adapted modules. */
  modules: readonly ModuleName[];
}

/** A valid pairs folder: all checkpoints have the same layout. */
export interface Pairs {
  /** The pairs folder. */
  folder: string;
  /** The base model; null if it was not given and is neither in pairs.json nor in the checkpoints. */
  base: BaseModel | null;
  /** Rank, alpha and modules of every checkpoint. */
  adapter: PairsAdapter;
  /** Tensors of every checkpoint: PEFT's names, in the order of an adapter layout. */
  tensors: readonly TensorShape[];
  /** The tasks, by name with numbers compared as numbers, or in the order of pairs.json. */
  tasks: readonly Task[];
  /** The adapter that every task starts from, as of a joint run; null if pairs.json names none. */
  start: Checkpoint | null;
  /** Checkpoints skipped because of `skipCorrupt`. */
  skipped: readonly CheckpointProblem[];
  /** Warnings that do not block training. */
  warnings: readonly string[];
  /**
   * SHA-256 over the adapter's settings, the start and the tasks: their names, whether they are held out, prompts,
   * descriptions and checkpoints (names and bytes), in their order.
   */
  digest: string;
}

/**
 * Reads some of a checkpoint's tensors, those of a module together.
 * @param take called with the weights of each whole tensor, in float32, which may change afterwards
 */
export type ReadWeights = (
  checkpoint: Pick<Checkpoint, 'name' | 'path'>,
  tensors: readonly LayoutTensor[],
  take: (data: Float32Array, tensor: LayoutTensor) => void | Promise<void>,
  signal?: AbortSignal,
) => Promise<void>;

/** The weight tokens of a checkpoint, [tokens, height, width] of the layout, NaN in unused elements. */
export type ReadTarget = (
  checkpoint: Pick<Checkpoint, 'name' | 'path'>,
  layout: AdapterLayout,
  signal?: AbortSignal,
) => Promise<Float32Array<ArrayBuffer>>;
