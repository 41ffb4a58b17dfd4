import type { GgufBase, GgufDtypeName } from '../adapter/gguf/index.js';
import type { LoraAdapter } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { AdapterFormatName, Facts } from './types.js';

export interface AdapterReadOptions extends LongOperation {
  base: GgufBase | undefined;
  onNotice: (notice: string) => void;
}

export interface AdapterWriteOptions extends LongOperation {
  base: GgufBase | undefined;
  /** Number of layers of the base model, if it is known. */
  layers: number | undefined;
  dtype: GgufDtypeName;
  force: boolean | undefined;
}

/** A file format of LoRA adapters. Every one that can be read can be converted into every one that can be written. */
export interface AdapterFormat {
  name: AdapterFormatName;
  /** With its article, of an input and of an output. */
  what: string;
  written: string;
  recognises(path: string): Promise<boolean>;
  read(path: string, options: AdapterReadOptions): Promise<LoraAdapter>;
  /** Whether an output of this name is meant to be of this format; the first format that says so is written. */
  isOutput(path: string): boolean;
  /** @throws DndError OUTPUT_EXISTS, NOT_WRITABLE */
  check(path: string, force: boolean | undefined): Promise<void>;
  /** @returns facts beside those of every adapter */
  write(path: string, adapter: LoraAdapter, options: AdapterWriteOptions): Promise<Facts>;
}
