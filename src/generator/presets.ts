import type { Padding } from '../encoder/index.js';
import type { Feature } from './decoder-shape.js';

/** One published configuration: everything `Generator.create` needs beside the base model and the text encoder. */
export interface Preset {
  /** Hugging Face id of the base model it was published for. */
  base: string;
  /** Name of its text encoder. */
  encoder: string;
  /** LoRA rank. */
  rank: number;
  /** LoRA alpha. */
  alpha: number;
  /** Columns per weight token; see `AdapterLayout`. */
  chunk: number;
  /** Kernel size of the convolutions; odd. */
  kernelSize: number;
  /** Maximum tokens per prompt; more than `features[0][1]` adds a length projection. */
  maxLength: number;
  /** Hidden states of padding positions. */
  padding: Padding;
  /** Shapes [tokens, height, width] from the condition to the weight tokens. */
  features: readonly Feature[];
}

const COMMON_SENSE_0_5B: readonly Feature[] = [
  [128, 384, 384],
  [128, 200, 300],
  [128, 100, 256],
  [256, 50, 200],
  [512, 50, 200],
  [1024, 25, 200],
  [1024, 10, 200],
  [2048, 10, 200],
  [4296, 10, 130],
];

const CODING_1_5B: readonly Feature[] = [
  [16, 1000, 384],
  [64, 500, 300],
  [256, 125, 300],
  [512, 64, 300],
  [1024, 64, 256],
  [2048, 32, 256],
  [4508, 18, 258],
];

const MATH_1_5B: readonly Feature[] = [
  [32, 1000, 384],
  [64, 500, 300],
  [256, 500, 300],
  [512, 125, 300],
  [1024, 64, 256],
  [2048, 32, 256],
  [4508, 18, 258],
];

const REASONING_7B: readonly Feature[] = [
  [16, 1000, 384],
  [64, 500, 384],
  [256, 125, 400],
  [512, 64, 400],
  [1024, 64, 400],
  [2048, 32, 400],
  [4928, 18, 514],
];

const MULTIMODAL_3B: readonly Feature[] = [
  [16, 1536, 384],
  [64, 500, 300],
  [256, 125, 300],
  [1024, 64, 300],
  [2048, 16, 256],
  [7308, 18, 258],
];

const PUBLISHED = { encoder: 'all-MiniLM-L12-v2', padding: 'encode' } as const;
const RANK_8 = { ...PUBLISHED, rank: 8, alpha: 16, kernelSize: 9 } as const;
const RANK_16 = { ...PUBLISHED, rank: 16, alpha: 32, kernelSize: 11 } as const;

/** Names of the published configurations. */
export type PresetName =
  | 'qwen2.5-0.5b-common-sense'
  | 'qwen2.5-1.5b-coding'
  | 'qwen2.5-1.5b-math'
  | 'qwen2.5-7b-math'
  | 'qwen2.5-7b-coding'
  | 'qwen2.5-vl-3b-multimodal';

/** The configurations of Liang et al. (arXiv 2506.16406) as their code has them. */
export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  'qwen2.5-0.5b-common-sense': {
    ...RANK_8,
    base: 'Qwen/Qwen2.5-0.5B-Instruct',
    chunk: 128,
    maxLength: 384,
    features: COMMON_SENSE_0_5B,
  },
  'qwen2.5-1.5b-coding': {
    ...RANK_16,
    base: 'Qwen/Qwen2.5-1.5B-Instruct',
    chunk: 256,
    maxLength: 26624,
    features: CODING_1_5B,
  },
  'qwen2.5-1.5b-math': {
    ...RANK_16,
    base: 'Qwen/Qwen2.5-1.5B-Instruct',
    chunk: 256,
    maxLength: 4608,
    features: MATH_1_5B,
  },
  'qwen2.5-7b-math': {
    ...RANK_16,
    base: 'Qwen/Qwen2.5-Coder-7B-Instruct',
    chunk: 512,
    maxLength: 4608,
    features: REASONING_7B,
  },
  'qwen2.5-7b-coding': {
    ...RANK_16,
    base: 'Qwen/Qwen2.5-Coder-7B-Instruct',
    chunk: 512,
    maxLength: 26624,
    features: REASONING_7B,
  },
  'qwen2.5-vl-3b-multimodal': {
    ...RANK_16,
    base: 'Qwen/Qwen2.5-VL-3B-Instruct',
    chunk: 256,
    maxLength: 1536,
    features: MULTIMODAL_3B,
  },
};

export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];
