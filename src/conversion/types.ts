import type { GgufDtypeName } from '../adapter/gguf/index.js';
import type { LongOperation } from '../async/index.js';
import type { PresetName } from '../generator/presets.js';

/** Names of the formats of adapters, as `dnd convert --format` takes them. */
export const ADAPTER_FORMAT_NAMES = ['peft', 'gguf', 'mlx'] as const;
export type AdapterFormatName = (typeof ADAPTER_FORMAT_NAMES)[number];

/** Of checkpoints of generators only: what they do not say. */
export interface GeneratorOptions {
  /** The published configuration they were trained with; or else rank, alpha and chunk, with `init`'s defaults. */
  preset?: PresetName | undefined;
  /** Folder of the text encoder that they were trained with, or 'hash'. */
  encoder?: string | undefined;
  rank?: number | undefined;
  alpha?: number | undefined;
  /** Columns per weight token. */
  chunk?: number | undefined;
}

export const GENERATOR_OPTIONS = [
  'preset',
  'encoder',
  'rank',
  'alpha',
  'chunk',
] as const satisfies readonly (keyof GeneratorOptions)[];

export interface ConvertOptions extends LongOperation, GeneratorOptions {
  /** The base model: config.json, its folder, or its GGUF file. */
  base?: string | undefined;
  /** Of the output. Default: gguf if its name ends in .gguf, else peft. */
  format?: AdapterFormatName | undefined;
  /** Of the written tensors. Default: f32, which loses nothing. */
  dtype?: GgufDtypeName | undefined;
  /** Replace an existing output. */
  force?: boolean | undefined;
}

/** By camelCase names; plain data. */
export type Facts = Record<string, string | number | boolean | null | readonly number[] | Record<string, number>>;

/** What was converted. Plain data. */
export interface Conversion {
  input: string;
  output: string;
  /** Names of the kinds: `peft`, `gguf` … */
  from: string;
  to: string;
  facts: Facts;
  /** What the user should know. */
  notes: string[];
}

/** Something that can be converted. A new kind is a file like `peft.ts`, and one line in `convert.ts`. */
export interface InputKind {
  name: string;
  /** With its article: "a PEFT adapter folder (adapter_config.json)". */
  what: string;
  /** Whether `path`, which exists, is of this kind. Looks at names and first bytes only. */
  recognises(path: string): Promise<boolean>;
  /** Whether `GeneratorOptions` mean something for it. */
  ofGenerators?: boolean;
  convert(input: string, output: string, options: ConvertOptions): Promise<Conversion>;
}
