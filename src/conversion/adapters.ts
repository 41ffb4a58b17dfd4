import { readGgufBase } from '../adapter/gguf/index.js';
import { type LoraAdapter, vllmRankNote } from '../adapter/index.js';
import type { AdapterFormat } from './adapter-format.js';
import { GGUF } from './gguf.js';
import { PEFT } from './peft.js';
import type { Conversion, ConvertOptions, Facts, InputKind } from './types.js';

/** In the order in which an output's name is compared with them. */
const FORMATS: readonly AdapterFormat[] = [GGUF, PEFT];

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

async function convertAdapter(
  format: AdapterFormat,
  input: string,
  output: string,
  options: ConvertOptions,
): Promise<Conversion> {
  const { dtype = 'f32', force, signal, onProgress } = options;
  const target = FORMATS.find(({ isOutput }) => isOutput(output))!;
  const base = options.base === undefined ? undefined : await readGgufBase(options.base);
  const notes: string[] = [];
  const onNotice = (notice: string) => notes.push(notice);
  const adapter = await format.read(input, {
    base,
    onNotice,
    signal,
    onProgress: onProgress && ((fraction) => onProgress(fraction / 2)),
  });
  const written = await target.write(output, adapter, {
    base,
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
  convert: (input, output, options) => convertAdapter(format, input, output, options),
}));
