import type { LayoutFields } from './layout-options.js';
import type { Module, ModuleName } from './modules.js';
import { modulePath, type Part, tensorName } from './names.js';

/** A tensor of the adapter, and the weight tokens it is split into. */
export interface LayoutTensor {
  /** As PEFT names it. */
  name: string;
  /** A is [rank, input width], B is [output width, rank]. */
  shape: [number, number];
  firstToken: number;
  tokenCount: number;
  /** Of its first element in the flat array of an adapter's tensors. */
  offset: number;
  part: Part;
  module: ModuleName;
  layer: number;
}

/** The layout in numbers, as the engine takes it. */
export interface FlatAdapterLayout {
  tokens: number;
  height: number;
  width: number;
  rank: number;
  chunk: number;
  /** Of an adapter. */
  elements: number;
  /** Five for each tensor: first token, tokens, length of the long axis, 1 for a B (else 0), offset. */
  tensors: number[];
  /** What tokens of the normalisation 'residual' are relative to; null for 'chunk'. */
  residual: { mean: Float32Array; scales: Float32Array } | null;
}

/** The tensors of a layout, in the order of their tokens. */
export function tensorsOf(fields: LayoutFields, modules: readonly Module[], chunk: number): LayoutTensor[] {
  const tensors: LayoutTensor[] = [];
  let firstToken = 0;
  let offset = 0;
  for (const layer of fields.layers) {
    for (const module of modules) {
      const path = modulePath(fields.layersPath, layer, module);
      const input = fields.widths[module.input]!;
      const output = fields.widths[module.output]!;
      for (const part of ['A', 'B'] as const) {
        const tokenCount = Math.ceil((part === 'A' ? input : output) / chunk);
        const shape: [number, number] = part === 'A' ? [fields.rank, input] : [output, fields.rank];
        const name = tensorName(path, part);
        tensors.push({ name, shape, firstToken, tokenCount, offset, part, module: module.name, layer });
        firstToken += tokenCount;
        offset += shape[0] * shape[1];
      }
    }
  }
  return tensors;
}
