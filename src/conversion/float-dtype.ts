import type { AdapterDtype } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';

const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const satisfies Record<string, AdapterDtype>;

/**
 * The dtype of tensors in safetensors files.
 * @param files for errors: "PEFT folders"
 * @throws DndError INVALID_ARGUMENT for a quantised type
 */
export function floatDtype(name: string, files: string): AdapterDtype {
  if (Object.hasOwn(DTYPES, name)) return DTYPES[name as keyof typeof DTYPES];
  const choices = Object.keys(DTYPES).join(', ');
  throw new DndError('INVALID_ARGUMENT', `there is no dtype ${quoteValue(name)} of ${files}; choose ${choices}`);
}
