import { basename, dirname, join } from 'node:path';
import {
  type FloatDtypeName,
  floatDtype,
  MLX_TENSORS_FILE,
  PEFT_CONFIG_FILE,
  PEFT_TENSORS_FILE,
  readMlx,
  writeMlx,
} from '../adapter/index.js';
import { checkFolderOutput, exists } from '../files/index.js';
import type { AdapterFormat } from './adapter-format.js';

/** Also those that mlx-lm saves while training: 0000100_adapters.safetensors. */
const TENSORS = /^(?:\d+_)?adapters\.safetensors$/;

export const MLX: AdapterFormat = {
  name: 'mlx',
  what: `an MLX adapter folder (${MLX_TENSORS_FILE})`,
  written: 'an MLX folder',
  async recognises(path) {
    if (TENSORS.test(basename(path))) return exists(join(dirname(path), PEFT_CONFIG_FILE));
    return (await exists(join(path, MLX_TENSORS_FILE))) && !(await exists(join(path, PEFT_TENSORS_FILE)));
  },
  read: readMlx,
  // Its folder has a name like any other.
  isOutput: () => false,
  check: (path, force) => checkFolderOutput(path, { force, marker: PEFT_CONFIG_FILE }),
  async write(folder, adapter, { dtype, layers, force, signal, onProgress }) {
    await writeMlx(folder, adapter, { dtype: dtype as FloatDtypeName, layers, force, signal, onProgress });
    return { tensorTypes: { [floatDtype(dtype, 'MLX folders')]: adapter.tensors.size } };
  },
};
