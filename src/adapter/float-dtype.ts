import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';
import type { AdapterDtype } from './encode.js';

/** Dtypes of tensors in safetensors files, by the names that options have for them. */
export const FLOAT_DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const satisfies Record<string, AdapterDtype>;
/** Dtypes of adapters and generators: `f32`, `f16`, `bf16`. */
export type FloatDtypeName = keyof typeof FLOAT_DTYPES;

/**
 * The dtype that an option names.
 * @param files for errors: "PEFT folders"
 * @throws DndError INVALID_ARGUMENT for a quantised type
 */
export function floatDtype(name: string, files: string): AdapterDtype {
  if (typeof name === 'string' && Object.hasOwn(FLOAT_DTYPES, name)) return FLOAT_DTYPES[name as FloatDtypeName];
  const choices = Object.keys(FLOAT_DTYPES).join(', ');
  throw new DndError('INVALID_ARGUMENT', `there is no dtype ${quoteValue(name)} of ${files}; choose ${choices}`);
}
