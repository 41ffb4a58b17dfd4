import type { AdapterLayout, BaseModel } from '../../adapter/index.js';

/** One item of a task's prompts file. */
export interface PairItem {
  prompt: string;
  /** Empty where the file has none. */
  response: string;
}

/** A LoRA checkpoint of a task: a PEFT folder, or a plain safetensors file with PEFT names. */
export interface Checkpoint {
  /** Its place in the pairs folder, with forward slashes: what messages and reports call it. */
  name: string;
  /** The safetensors file. */
  path: string;
  bytes: number;
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

/** What a checkpoint that cannot be used has wrong. */
export interface CheckpointProblem {
  checkpoint: string;
  task: string;
  code: string;
  message: string;
}

/** A pairs folder that was read and found sound: all checkpoints have the same layout. */
export interface Pairs {
  folder: string;
  base: BaseModel;
  /** Of every checkpoint. */
  adapter: { rank: number; alpha: number; useRslora: boolean; modules: readonly string[] };
  tasks: readonly Task[];
  /** Checkpoints that were passed over, because `skipCorrupt` was asked for. */
  skipped: readonly CheckpointProblem[];
  /** SHA-256 over the tasks' names, prompts and checkpoints (their bytes), in their order: another one, other pairs. */
  digest: string;
}

/** The weight tokens of a checkpoint, [tokens, height, width] of the layout, NaN where there is nothing. */
export type ReadTarget = (
  checkpoint: Checkpoint,
  layout: AdapterLayout,
  signal?: AbortSignal,
) => Promise<Float32Array<ArrayBuffer>>;
