import { comparableGgufBase, type GgufBase, readGgufBase } from '../adapter/gguf/index.js';
import {
  type ComparableBase,
  checkShape,
  comparableBase,
  type LoraAdapter,
  readBaseModel,
  vllmRankNote,
} from '../adapter/index.js';
import { DndError } from '../errors.js';
import { isGguf } from '../formats/gguf/index.js';
import { quoteValue } from '../validation/index.js';
import type { AdapterFormat } from './adapter-format.js';
import { GGUF } from './gguf.js';
import { MLX } from './mlx.js';
import { PEFT } from './peft.js';
import { ADAPTER_FORMAT_NAMES, type Conversion, type ConvertOptions, type Facts, type InputKind } from './types.js';

/** In the order in which an input, and an output's name, is compared with them. */
const FORMATS: readonly AdapterFormat[] = [GGUF, MLX, PEFT];

function ranksOf(adapter: LoraAdapter): number[] {
  return [...new Set(adapter.moduleNames().map((module) => adapter.pair(module).rank))].sort((a, b) => a - b);
}

function factsOf(adapter: LoraAdapter): Facts {
  const { alpha, useRslora, baseModelName } = adapter.config;
  const parameters = [...adapter.tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  return {
    baseModel: baseModelName,
    ranks: ranksOf(adapter),
    alpha,
    useRslora,
    modules: adapter.moduleNames().length,
    parameters,
  };
}

/** @throws DndError INVALID_ARGUMENT for an unknown format, or a name that no format has */
export function formatOf(output: string, name: string | undefined): AdapterFormat {
  const format = FORMATS.find((one) => (name === undefined ? one.isOutput(output) : one.name === name));
  if (format) return format;
  if (name === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${output}: an adapter becomes a folder, or a file named .gguf; expected one of these. Choose another name, or the format (--format)`,
    );
  const choices = ADAPTER_FORMAT_NAMES.join(', ');
  throw new DndError('INVALID_ARGUMENT', `there is no adapter format ${quoteValue(name)}; choose ${choices}`);
}

interface Base {
  /** Where it is read or written as GGUF, which compares each matrix with it. */
  base: GgufBase | undefined;
  /** Elsewhere. */
  compared: ComparableBase | undefined;
  layers: number | undefined;
}

/** Only GGUF depends on more than widths and layers, and its architectures are fewer. */
async function readBase(path: string | undefined, formats: readonly AdapterFormat[]): Promise<Base> {
  if (path === undefined) return { base: undefined, compared: undefined, layers: undefined };
  if (formats.includes(GGUF)) {
    const base = await readGgufBase(path);
    return { base, compared: undefined, layers: base.layers };
  }
  if (await isGguf(path)) {
    const base = await readGgufBase(path);
    return { base: undefined, compared: comparableGgufBase(base), layers: base.layers };
  }
  const base = await readBaseModel(path);
  return { base: undefined, compared: comparableBase(base, path), layers: base.layers };
}

/** @throws DndError SHAPE_MISMATCH for a module that the base does not have, or of other widths */
function compareWith(
  base: ComparableBase,
  adapter: LoraAdapter,
  input: string,
  onNotice: (notice: string) => void,
): void {
  const unknown: string[] = [];
  for (const module of adapter.moduleNames()) {
    const shape = base.shapeOf(module);
    if (shape === 'unknown') unknown.push(module);
    checkShape(module, adapter.pair(module), shape, base, input);
  }
  if (unknown.length === 0) return;
  const more = unknown.length === 1 ? '' : ` and ${unknown.length - 1} more`;
  onNotice(`${unknown[0]}${more} could not be compared with the base model: ${base.source} does not tell its shape`);
}

async function convertAdapter(
  format: AdapterFormat,
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<Conversion> {
  const { dtype = 'f32', force, signal, onProgress } = options;
  const target = formatOf(output, options.format);
  const { base, compared, layers } = await readBase(options.base, [format, target]);
  const notes: string[] = [];
  const onNotice = (notice: string) => notes.push(notice);
  if (format === GGUF && options.base === undefined)
    onNotice('no base model was given, so the adapter was not compared with its base (--base)');
  const adapter = await format.read(input, {
    base,
    onNotice,
    signal,
    onProgress: onProgress && ((fraction) => onProgress(fraction / 2)),
  });
  if (compared !== undefined) compareWith(compared, adapter, input, onNotice);
  const written = await target.write(output, adapter, {
    base,
    layers,
    dtype,
    force,
    signal,
    onProgress: onProgress && ((fraction) => onProgress((1 + fraction) / 2)),
  });
  const note = vllmRankNote(ranksOf(adapter).at(-1)!);
  if (note !== undefined) notes.push(note);
  return { input, output, from: format.name, to: target.name, facts: { ...factsOf(adapter), ...written }, notes };
}

/** Adapters of each format, which become another format, or another dtype of the same. */
export const ADAPTER_INPUTS: readonly InputKind[] = FORMATS.map((format) => ({
  name: format.name,
  what: format.what,
  recognises: format.recognises,
  outputOf(_input, output, options) {
    const { written, check } = formatOf(output, options.format);
    return { what: written, accepts: ['base', 'format', 'dtype', 'force'], check };
  },
  convert: (input, output, options) => convertAdapter(format, input, output, options),
}));
