import type { Precision } from '../engine/index.js';
import type { Statistics } from './statistics.js';

/** The report of `generate`. Plain data. */
export interface GenerationReport {
  generator: {
    trained: boolean;
    /** A notice for the user, such as that the generator is untrained. */
    notice: string | null;
    preset: string | null;
    base: string | null;
    encoder: string;
  };
  /** The seed for prompt sampling. */
  seed: number;
  prompts: {
    /** Number of prompts given, and number that the generator takes. */
    given: number;
    wanted: number;
    /** Distinct prompts used. */
    used: number;
    /** Groups of prompts whose adapters were averaged; 1 where one condition holds them all. */
    groups: number;
    /** Prompts dropped because more were given than the generator takes. */
    dropped: number;
    /** Repeated draws, because fewer were given than a condition, or the last ones, take. */
    repeated: number;
    /** Indices, in the order given, of used prompts truncated to the maximum length. */
    truncated: number[];
    /** Tokens of the selected prompts after truncation, special tokens included. */
    tokens: number;
  };
  /** Size of the decoder batch: conditions, one for each group of prompts. */
  batch: number;
  /** Devices of the text encoder and the decoder. */
  device: DeviceReport;
  /**
   * Wall-clock time of encoding and decoding the whole batch (reconstruction included), and of this adapter's
   * statistics.
   */
  seconds: { encode: number; decode: number; restore: number };
  adapter: AdapterSummary;
}

export interface DeviceReport {
  /** 'NVIDIA H100 80GB HBM3', or 'CPU (avx512)'. */
  name: string;
  kind: 'cpu' | 'cuda';
  /** Of matrix products: 'mixed' is float16 operands and float32 sums. */
  precision: Precision;
  /** Why `auto` fell back to the CPU; null if it did not, or a device was requested. */
  fallback: string | null;
}

export interface AdapterSummary {
  rank: number;
  alpha: number;
  useRslora: boolean;
  tensors: number;
  parameters: number;
  /** Euclidean norm of all weights. */
  norm: number;
  /** By module, over all layers: of A and of B. */
  modules: Record<string, { A: Statistics; B: Statistics }>;
}
