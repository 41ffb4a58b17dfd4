import { join } from 'node:path';
import { GGUF_DTYPES, type GgufDtypeName, ggufBaseOf, writeGgufAdapter } from '../adapter/gguf/index.js';
import {
  type BaseModel,
  FLOAT_DTYPES,
  type FloatDtypeName,
  floatDtype,
  type LoraAdapter,
  MLX_TENSORS_FILE,
  PEFT_CONFIG_FILE,
  writeMlx,
  writePeft,
} from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';

export const GGUF_ADAPTER_FILE = 'adapter.gguf';

const FLOATS = Object.keys(FLOAT_DTYPES);

/** Dtypes of saved tensors, whatever the format. */
export type SavedDtype = GgufDtypeName;
export const SAVED_DTYPES = Object.keys(GGUF_DTYPES) as SavedDtype[];

const SOURCE = 'the base model of the generator';

interface Format {
  /** The file that shows that a folder is an adapter of this format. */
  marker: string;
  dtypes: readonly string[];
  /** Where it goes beside other formats, if its files would replace theirs. */
  folder?: string;
  /** @throws DndError UNSUPPORTED_BASE where the format has no adapters for this base model */
  check?(base: BaseModel): void;
  /** Writes the adapter into an empty folder, or beside the files of the formats before it in the table. */
  write(
    folder: string,
    adapter: LoraAdapter,
    base: BaseModel,
    dtype: SavedDtype,
    operation: LongOperation,
  ): Promise<void>;
}

/** In the order of writing: PEFT's comes first, since it must be alone in the folder. */
const FORMATS = {
  peft: {
    marker: PEFT_CONFIG_FILE,
    dtypes: FLOATS,
    write: (folder, adapter, _base, dtype, operation) =>
      writePeft(folder, adapter, { ...operation, dtype: floatDtype(dtype, 'PEFT folders') }),
  },
  gguf: {
    marker: GGUF_ADAPTER_FILE,
    dtypes: SAVED_DTYPES,
    check: (base) => void ggufBaseOf(base, SOURCE),
    write: async (folder, adapter, base, dtype, operation) => {
      await writeGgufAdapter(join(folder, GGUF_ADAPTER_FILE), adapter, {
        ...operation,
        base: ggufBaseOf(base, SOURCE),
        dtype,
      });
    },
  },
  mlx: {
    marker: MLX_TENSORS_FILE,
    dtypes: FLOATS,
    folder: 'mlx',
    write: (folder, adapter, { layers }, dtype, operation) =>
      writeMlx(folder, adapter, { ...operation, dtype: dtype as FloatDtypeName, layers }),
  },
} as const satisfies Record<string, Format>;

/** What an adapter is saved as: `peft` (a PEFT folder), `gguf` (for llama.cpp), `mlx` (for mlx-lm), or `all`. */
export type AdapterFormat = keyof typeof FORMATS | 'all';
export const ADAPTER_FORMATS = [...Object.keys(FORMATS), 'all'] as AdapterFormat[];

/** Files of which an existing folder must contain one to be replaced by an adapter. */
export const ADAPTER_MARKERS: readonly string[] = Object.values(FORMATS).map(({ marker }) => marker);

function formatsOf(format: AdapterFormat): [name: string, format: Format][] {
  return Object.entries<Format>(FORMATS).filter(([name]) => format === 'all' || format === name);
}

function checkChoice(value: unknown, what: string, choices: readonly string[]): void {
  if (typeof value === 'string' && choices.includes(value)) return;
  throw new DndError('INVALID_ARGUMENT', `there is no ${what} ${quoteValue(value)}; choose ${choices.join(', ')}`);
}

/**
 * Whether adapters for this base can be saved so: a check to make before long work starts.
 * @throws DndError INVALID_ARGUMENT for an unknown format or dtype, or a dtype that the format does not have;
 * UNSUPPORTED_BASE
 */
export function checkSaving(format: AdapterFormat, dtype: SavedDtype, base?: BaseModel): void {
  checkChoice(format, 'format', ADAPTER_FORMATS);
  checkChoice(dtype, 'dtype', SAVED_DTYPES);
  for (const [name, { dtypes, check }] of formatsOf(format)) {
    if (!dtypes.includes(dtype)) checkChoice(dtype, `dtype of ${name}`, dtypes);
    if (base) check?.(base);
  }
}

/** Writes the adapter into an empty folder, in one format or all. Errors: those of the formats' writers. */
export async function writeFormats(
  format: AdapterFormat,
  folder: string,
  adapter: LoraAdapter,
  base: BaseModel,
  dtype: SavedDtype,
  { signal, onProgress }: LongOperation,
): Promise<void> {
  const formats = formatsOf(format);
  for (const [place, [, { write, folder: own }]] of formats.entries())
    await write(own !== undefined && formats.length > 1 ? join(folder, own) : folder, adapter, base, dtype, {
      signal,
      onProgress: onProgress && ((fraction) => onProgress((place + fraction) / formats.length)),
    });
}
