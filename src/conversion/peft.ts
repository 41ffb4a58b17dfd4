import { join } from 'node:path';
import { PEFT_CONFIG_FILE, readPeft, writePeft } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { exists } from '../files/index.js';
import { quoteValue } from '../validation/index.js';
import type { AdapterFormat } from './adapter-format.js';

const DTYPES = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;

function isDtypeName(name: string): name is keyof typeof DTYPES {
  return Object.hasOwn(DTYPES, name);
}

export const PEFT: AdapterFormat = {
  name: 'peft',
  what: `a PEFT adapter folder (${PEFT_CONFIG_FILE})`,
  recognises: (path) => exists(join(path, PEFT_CONFIG_FILE)),
  read: readPeft,
  // A folder may have any name: it is the last of the formats.
  isOutput: () => true,
  async write(folder, adapter, { dtype, force, signal, onProgress }) {
    if (!isDtypeName(dtype)) {
      const choices = Object.keys(DTYPES).join(', ');
      throw new DndError(
        'INVALID_ARGUMENT',
        `there is no dtype ${quoteValue(dtype)} of PEFT folders; choose ${choices}`,
      );
    }
    await writePeft(folder, adapter, { dtype: DTYPES[dtype], force, signal, onProgress });
    return { tensorTypes: { [DTYPES[dtype]]: adapter.tensors.size } };
  },
};
