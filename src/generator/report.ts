import type { Statistics } from './statistics.js';

/** What `generate` did, for people and programs. Plain data. */
export interface GenerationReport {
  generator: {
    trained: boolean;
    /** A sentence for people when there is something they must know, such as that the generator is untrained. */
    notice: string | null;
    preset: string | null;
    base: string | null;
    encoder: string;
  };
  /** The seed of the choice of prompts. */
  seed: number;
  prompts: {
    /** How many came in, and how many the generator wants. */
    given: number;
    wanted: number;
    /** Different prompts that were used. */
    used: number;
    /** Given prompts that were left out, because there were more than wanted. */
    dropped: number;
    /** Draws of a prompt that was used already, because there were fewer than wanted. */
    repeated: number;
    /** Indices, in the order given, of used prompts that were cut to the maximal length. */
    truncated: number[];
    /** Tokens of the wanted prompts after cutting, special tokens included. */
    tokens: number;
  };
  /** Prompt sets that went through the decoder together. */
  batch: number;
  /** Where the text encoder and the decoder worked. */
  device: DeviceReport;
  /** Wall-clock time: encoding, decoding and de-normalising of the whole batch; a look at this adapter's numbers. */
  seconds: { encode: number; decode: number; restore: number };
  adapter: AdapterSummary;
}

export interface DeviceReport {
  /** 'NVIDIA H100 80GB HBM3', or 'CPU (avx512)'. */
  name: string;
  kind: 'cpu' | 'cuda';
  /** Of matrix products: 'mixed' is float16 operands and float32 sums. */
  precision: 'mixed' | 'fp32';
  /** Why the device `auto` came to the CPU; null where it did not, or another device was asked for. */
  fallback: string | null;
}

export interface AdapterSummary {
  rank: number;
  alpha: number;
  useRslora: boolean;
  tensors: number;
  parameters: number;
  /** Euclidean length of all weights together. */
  norm: number;
  /** By module, over all layers: of A and of B. */
  modules: Record<string, { A: Statistics; B: Statistics }>;
}
