import type { Precision, ProcessMemory } from '../engine/index.js';
import type { Statistics } from './statistics.js';

/** The report of `generate`. Plain data. */
export interface GenerationReport {
  /** The generator that made it. */
  generator: {
    /** False if its parameters are random. */
    trained: boolean;
    /** A notice for the user, such as that the generator is untrained. */
    notice: string | null;
    /** The published configuration it was created from; null for any other. */
    preset: string | null;
    /** Hugging Face id or path of the base model; null if it is not known. */
    base: string | null;
    /** Name of the text encoder. */
    encoder: string;
  };
  /** The seed for prompt sampling. */
  seed: number;
  /** The prompts that it was made from. */
  prompts: {
    /** Number of prompts given. */
    given: number;
    /** Number of prompts that the generator takes. */
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
  /** Wall-clock times. */
  seconds: {
    /** Loading, or creating, the generator. */
    load: number;
    /** Encoding of the whole batch. */
    encode: number;
    /** Decoding of the whole batch, reconstruction of the adapters included. */
    decode: number;
    /** The statistics of this adapter. */
    restore: number;
  };
  /** Memory of the process when the adapter was done. */
  memory: ProcessMemory;
  /** The adapter in numbers. */
  adapter: AdapterSummary;
}

/** The device that text encoder and decoder ran on. */
export interface DeviceReport {
  /** 'NVIDIA H100 80GB HBM3', or 'CPU (avx512)'. */
  name: string;
  /** Kind of device. */
  kind: 'cpu' | 'cuda';
  /** Precision of matrix products: 'mixed' is float16 operands and float32 sums. */
  precision: Precision;
  /** Why `auto` fell back to the CPU; null if it did not, or a device was requested. */
  fallback: string | null;
}

/** What is in an adapter. */
export interface AdapterSummary {
  /** LoRA rank. */
  rank: number;
  /** LoRA alpha. */
  alpha: number;
  /** Whether it is scaled by alpha / √rank instead of alpha / rank. */
  useRslora: boolean;
  /** Number of matrices. */
  tensors: number;
  /** Number of weights in them. */
  parameters: number;
  /** Euclidean norm of all weights. */
  norm: number;
  /** Statistics by module, over all layers. */
  modules: Record<
    string,
    {
      /** Statistics of the matrices A. */
      A: Statistics;
      /** Statistics of the matrices B. */
      B: Statistics;
    }
  >;
}
