import { readGgufAdapter, writeGgufAdapter } from '../adapter/gguf/index.js';
import { isGguf } from '../formats/gguf/index.js';
import type { AdapterFormat } from './adapter-format.js';
import { checkNewFile } from './output-rules.js';

export const GGUF: AdapterFormat = {
  name: 'gguf',
  what: 'a GGUF LoRA adapter (.gguf)',
  written: 'a GGUF file',
  recognises: isGguf,
  read: readGgufAdapter,
  isOutput: (path) => /\.gguf$/i.test(path),
  check: checkNewFile,
  async write(path, adapter, options) {
    const { architecture, alpha, types } = await writeGgufAdapter(path, adapter, options);
    return { architecture, ggufAlpha: alpha, tensorTypes: types as Record<string, number> };
  },
};
