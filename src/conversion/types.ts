import type { GgufDtypeName } from '../adapter/gguf/index.js';
import type { LongOperation } from '../async/index.js';
import type { PresetName } from '../generator/presets.js';

/** Names of the formats of adapters, as `dnd convert --format` takes them. */
export const ADAPTER_FORMAT_NAMES = ['peft', 'gguf', 'mlx'] as const;
/** Formats of adapters: `peft`, `gguf`, `mlx`. */
export type AdapterFormatName = (typeof ADAPTER_FORMAT_NAMES)[number];

/** What a checkpoint of a generator does not say of itself; for these only. */
export interface GeneratorOptions {
  /** The published configuration they were trained with; or else rank, alpha and chunk, with `init`'s defaults. */
  preset?: PresetName | undefined;
  /** Folder of the text encoder that they were trained with, or 'hash'. */
  encoder?: string | undefined;
  /** LoRA rank. */
  rank?: number | undefined;
  /** LoRA alpha. */
  alpha?: number | undefined;
  /** Columns per weight token. */
  chunk?: number | undefined;
}

/** Options of `convert`. */
export interface ConvertOptions extends LongOperation, GeneratorOptions {
  /** The base model: config.json, its folder, or its GGUF file. */
  base?: string | undefined;
  /** Format of the output. Default: gguf if its name ends in .gguf, else peft. */
  format?: AdapterFormatName | undefined;
  /** Dtype of the written tensors. Default: f32, which loses nothing. */
  dtype?: GgufDtypeName | undefined;
  /** Replace an existing output. */
  force?: boolean | undefined;
}

/** Facts by camelCase names; plain data. */
export type Facts = Record<string, string | number | boolean | null | readonly number[] | Record<string, number>>;

/** What was converted. Plain data. */
export interface Conversion {
  /** Path of the input. */
  input: string;
  /** Path of what was written. */
  output: string;
  /** Names of the kinds: `peft`, `gguf` … */
  from: string;
  /** Name of the kind of the output. */
  to: string;
  /** What was found and written, such as rank, dtype or number of tensors. */
  facts: Facts;
  /** What the user should know. */
  notes: string[];
}

/** Settings of conversions; which of them mean something depends on what is written. */
export const OPTION_NAMES = [
  'base',
  'format',
  'dtype',
  'preset',
  'encoder',
  'rank',
  'alpha',
  'chunk',
  'force',
] as const satisfies readonly (keyof ConvertOptions)[];
export type OptionName = (typeof OPTION_NAMES)[number];

/** What an input becomes, by the name of the output and the options: known before anything is read. */
export interface OutputKind {
  /** With its article, for messages. */
  what: string;
  /** The options that mean something for it. */
  accepts: readonly OptionName[];
  /**
   * Whether it could be written there now.
   * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE
   */
  check(output: string, force: boolean | undefined): Promise<void>;
}

/** Something that can be converted. A new kind is a file like `peft.ts`, and one line in `convert.ts`. */
export interface InputKind {
  name: string;
  /** With its article: "a PEFT adapter folder (adapter_config.json)". */
  what: string;
  /** Whether `path`, which exists, is of this kind. Looks at names and first bytes only. */
  recognises(path: string): Promise<boolean>;
  /** @throws DndError INVALID_ARGUMENT, UNSUPPORTED_FORMAT for an output that it cannot become */
  outputOf(input: string, output: string, options: ConvertOptions): OutputKind | Promise<OutputKind>;
  convert(input: string, output: string, options: ConvertOptions): Promise<Conversion>;
}
