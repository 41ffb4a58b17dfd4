import { join } from 'node:path';
import { eventLoopYielder, type LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import { type TensorSource, writeSafetensors } from '../formats/safetensors/index.js';
import { checkOptions, checkPath, invalidValue, isWholeNumber, wholeNumberRange } from '../validation/index.js';
import { MAX_LAYERS } from './base-config.js';
import { type AdapterDtype, encodeWeights } from './encode.js';
import { type FloatDtypeName, floatDtype } from './float-dtype.js';
import type { LoraAdapter } from './lora-adapter.js';
import { foldable, loraScale } from './merge.js';
import { MLX_TENSORS_FILE, type MlxModule, mlxModule, mlxTensorName } from './mlx-names.js';
import { checkConfig, PEFT_CONFIG_FILE } from './peft-write.js';
import { transposeOf } from './transpose.js';

/** Options of `writeMlx`. */
export interface MlxWriteOptions extends LongOperation {
  /** Dtype of the tensors. Default: f32. */
  dtype?: FloatDtypeName | undefined;
  /** Replace an existing adapter folder. */
  force?: boolean | undefined;
  /** Number of layers of the base model, if it is known. */
  layers?: number | undefined;
}

/** An adapted module: where it is in mlx-lm, and what its B is multiplied by. */
interface Place extends MlxModule {
  module: string;
  factor: number;
}

function mismatch(what: string): DndError {
  return new DndError('SHAPE_MISMATCH', `the adapter cannot be written for MLX: ${what}`);
}

/** mlx-lm has one rank and one scale for all modules: scales that differ go into B, ranks that differ are refused. */
function placesOf(adapter: LoraAdapter): { places: Place[]; rank: number; scale: number } {
  const modules = adapter.moduleNames();
  const ranks = modules.map((module) => adapter.pair(module).rank);
  const rank = ranks[0]!;
  const other = ranks.findIndex((own) => own !== rank);
  if (other > 0)
    throw mismatch(
      `mlx-lm has one rank for all modules, but ${modules[0]} has ${rank} and ${modules[other]} has ${ranks[other]}`,
    );
  const scale = loraScale(adapter.config, modules[0]!, rank);
  const places = modules.map((module) => {
    const found = mlxModule(module);
    if (!found)
      throw new DndError(
        'UNSUPPORTED_FORMAT',
        `the adapter cannot be written for MLX: ${module} is not a projection of a decoder layer ` +
          '(layers.N.self_attn.…_proj or layers.N.mlp.…_proj)',
      );
    return { ...found, module, factor: foldable(loraScale(adapter.config, module, rank) / scale) };
  });
  return { places, rank, scale };
}

/** `num_layers`: the last n, if the base's number is known; −1, all of them: those without matrices change nothing. */
function lastLayers(places: readonly Place[], layers: number | undefined): number {
  if (layers === undefined) return -1;
  if (!isWholeNumber(layers, 1, MAX_LAYERS))
    throw invalidValue('INVALID_ARGUMENT', 'layers', wholeNumberRange(1, MAX_LAYERS), layers);
  const adapted = places.map(({ layer }) => layer);
  const last = Math.max(...adapted);
  if (last < layers) return layers - Math.min(...adapted);
  throw mismatch(`it adapts layer ${last}, but the base has ${layers} layers`);
}

function sourcesOf(adapter: LoraAdapter, places: readonly Place[], dtype: AdapterDtype): TensorSource[] {
  const yieldToEventLoop = eventLoopYielder();
  return places.flatMap(({ module, path, factor }) => {
    const { a, b, rank, inputWidth, outputWidth } = adapter.pair(module);
    const source = (name: string, shape: [number, number], data: () => Float32Array): TensorSource => ({
      name,
      dtype,
      shape,
      bytes: () => encodeWeights(name, { shape, data: data() }, dtype, yieldToEventLoop),
    });
    const scaledB = () => (factor === 1 ? b : b.map((value) => value * factor));
    return [
      source(mlxTensorName(path, 'A'), [inputWidth, rank], () => transposeOf(a, rank, inputWidth)),
      source(mlxTensorName(path, 'B'), [rank, outputWidth], () => transposeOf(scaledB(), outputWidth, rank)),
    ];
  });
}

/**
 * Writes an adapter as a folder that mlx-lm loads (`--adapter-path`): `adapters.safetensors`, with lora_a `[in, rank]` and
 * lora_b `[rank, out]`, and `adapter_config.json`. rsLoRA, and alphas of single modules, become part of the scale and of
 * lora_b. The folder appears whole or not at all.
 * @throws DndError INVALID_WEIGHTS for NaN, infinity, what `dtype` cannot hold, or no tensors; UNSUPPORTED_FORMAT for
 * modules that are no projections of layers; SHAPE_MISMATCH for ranks that differ, or layers that the base does not have;
 * INVALID_ARGUMENT; OUTPUT_EXISTS, DISK_FULL, NOT_WRITABLE; `signal.reason` after an abort
 */
export async function writeMlx(folder: string, adapter: LoraAdapter, options: MlxWriteOptions = {}): Promise<void> {
  checkPath(folder, 'the folder of writeMlx');
  const { dtype = 'f32', force, layers, signal, onProgress } = checkOptions(options, 'options of writeMlx');
  checkConfig(adapter.config);
  if (adapter.tensors.size === 0) throw new DndError('INVALID_WEIGHTS', 'the adapter has no tensors');
  const { places, rank, scale } = placesOf(adapter);
  const config = {
    ...(adapter.config.baseModelName === null ? {} : { model: adapter.config.baseModelName }),
    fine_tune_type: 'lora',
    num_layers: lastLayers(places, layers),
    lora_parameters: { keys: [...new Set(places.map(({ key }) => key))], rank, scale, dropout: 0 },
  };
  const sources = sourcesOf(adapter, places, floatDtype(dtype, 'MLX folders'));
  await writeFolderAtomically(folder, { force, signal, marker: PEFT_CONFIG_FILE }, async (staging) => {
    await writeSafetensors(join(staging, MLX_TENSORS_FILE), sources, {
      metadata: { format: 'mlx' },
      signal,
      onProgress,
    });
    const text = `${JSON.stringify(config, null, 2)}\n`;
    await writeFileAtomically(join(staging, PEFT_CONFIG_FILE), text, { signal });
  });
}
