import type { GgufDtypeName } from '../adapter/gguf/index.js';
import type { LongOperation } from '../async/index.js';

/** Names of the formats of adapters, as `dnd convert --format` takes them. */
export const ADAPTER_FORMAT_NAMES = ['peft', 'gguf', 'mlx'] as const;
export type AdapterFormatName = (typeof ADAPTER_FORMAT_NAMES)[number];

export interface ConvertOptions extends LongOperation {
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
  convert(input: string, output: string, options: ConvertOptions): Promise<Conversion>;
}
