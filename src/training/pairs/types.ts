import type { AdapterLayout, BaseModel, ModuleName, TensorShape } from '../../adapter/index.js';
import type { ErrorCode } from '../../errors.js';
import type { PromptItem } from '../../prompts/index.js';

/** One item of a task's prompts file. The response is empty where the file has none. */
export type PairItem = PromptItem;

/** A LoRA checkpoint of a task: a PEFT folder, or a plain safetensors file with PEFT names. */
export interface Checkpoint {
  /** Its place in the pairs folder, with forward slashes: what messages and reports call it. */
  name: string;
  /** The safetensors file. */
  path: string;
  bytes: number;
  /** Of the header and of each tensor's digest: the same for files that are alike byte for byte, and for no others. */
  sha256: string;
  /** Of the matrices alone, in whatever order, under whatever spelling of their names, and with whatever metadata. */
  tensorsSha256: string;
  weights: WeightStatistics;
}

/** Of all weights of a checkpoint together. */
export interface WeightStatistics {
  /** √Σw² */
  norm: number;
  mean: number;
  /** Population. */
  standardDeviation: number;
}

/** A data set: prompts, and LoRA checkpoints that were trained on it. */
export interface Task {
  name: string;
  items: readonly PairItem[];
  /** In their training order: numbers in names count as numbers. */
  checkpoints: readonly Checkpoint[];
  /** Kept out of training altogether, and evaluated. */
  heldOut: boolean;
}

/** Something that stands in the way of training. */
export interface PairsProblem {
  /** null where it concerns the folder as a whole. */
  task: string | null;
  /** null where it concerns no single checkpoint. */
  checkpoint: string | null;
  code: ErrorCode;
  message: string;
}

/** What a checkpoint that cannot be used has wrong. */
export interface CheckpointProblem extends PairsProblem {
  task: string;
  checkpoint: string;
}

/** How the adapters are applied, and what they adapt. */
export interface PairsAdapter {
  rank: number;
  alpha: number;
  useRslora: boolean;
  modules: readonly ModuleName[];
}

/** A pairs folder that was read and found sound: all checkpoints have the same layout. */
export interface Pairs {
  folder: string;
  /** null where neither pairs.json nor the checkpoints say, and none was given. */
  base: BaseModel | null;
  /** Of every checkpoint. */
  adapter: PairsAdapter;
  /** Of every checkpoint: PEFT's names, in the order of an adapter layout. See `pairsLayout`. */
  tensors: readonly TensorShape[];
  tasks: readonly Task[];
  /** Checkpoints that were passed over, because `skipCorrupt` was asked for. */
  skipped: readonly CheckpointProblem[];
  /** What training goes on in spite of, for people. */
  warnings: readonly string[];
  /**
   * SHA-256 over the adapter's settings and the tasks: their names, whether they are held out, prompts and checkpoints
   * (names and bytes), in their order. Another one, other pairs.
   */
  digest: string;
}

/** The weight tokens of a checkpoint, [tokens, height, width] of the layout, NaN where there is nothing. */
export type ReadTarget = (
  checkpoint: Pick<Checkpoint, 'name' | 'path'>,
  layout: AdapterLayout,
  signal?: AbortSignal,
) => Promise<Float32Array<ArrayBuffer>>;
