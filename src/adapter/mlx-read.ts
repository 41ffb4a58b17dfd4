import { dirname, join } from 'node:path';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { isFolder, readJson } from '../files/index.js';
import { isFloatDtype } from '../formats/dtypes.js';
import { SafetensorsFile, type TensorInfo } from '../formats/safetensors/index.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { excludedModulesOf } from './base-family.js';
import { type AdapterTensor, LoraAdapter, type LoraConfig } from './lora-adapter.js';
import { type MlxConfig, parseMlxConfig } from './mlx-config.js';
import { layerOf, MLX_TENSORS_FILE, parseMlxName } from './mlx-names.js';
import { KNOWN_MODULES, type ModuleName } from './modules.js';
import { type Part, tensorName } from './names.js';
import { PEFT_CONFIG_FILE } from './peft-write.js';
import { transposeOf } from './transpose.js';

/** Tensors of adapters that are more than LoRA on matrices, by a part of their names. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/\.lora_[ab]_(?:scales|biases)$/, 'a quantised LoRA matrix'],
  [/\.m$/, 'DoRA’s magnitude'],
  [/\.(?:weight|bias|scales|biases)$/, 'a weight of the model itself'],
];

interface Matrix {
  info: TensorInfo;
  module: string;
  part: Part;
}

function unsupported(path: string, name: string, what: string): DndError {
  return new DndError('UNSUPPORTED_FORMAT', `${path}: ${name} is ${what}, which is not supported; only plain LoRA is`);
}

/** @throws DndError UNSUPPORTED_FORMAT, by name, for a tensor that is no matrix of plain LoRA; SHAPE_MISMATCH */
function matrixOf(info: TensorInfo, path: string): Matrix {
  const { name, shape, dtype } = info;
  const parsed = parseMlxName(name);
  if (!parsed)
    throw unsupported(path, name, FOREIGN.find(([pattern]) => pattern.test(name))?.[1] ?? 'not a LoRA matrix');
  // Its lora_a is looked up by token id, and PEFT has other names for it.
  if (/(?:^|\.)(?:embed_tokens|wte)$/.test(parsed.module)) throw unsupported(path, name, 'LoRA on embeddings');
  if (shape.length === 3) throw unsupported(path, name, 'LoRA on the experts of a mixture of experts');
  if (shape.length !== 2 || shape.includes(0) || !isFloatDtype(dtype))
    throw new DndError(
      'SHAPE_MISMATCH',
      `${path}: ${name} is ${dtype} of shape [${shape.join(', ')}], not a matrix of floats`,
    );
  return { info, ...parsed };
}

/** What mlx-lm would refuse, or in older versions not apply, is refused. */
function checkPlaces(matrices: readonly Matrix[], { keys, lastLayers }: MlxConfig, path: string): void {
  const layers: number[] = [];
  for (const { module, info } of matrices) {
    const place = layerOf(module);
    if (place) layers.push(place.layer);
    if (keys && !keys.includes(place?.key ?? module) && !keys.includes(module))
      throw new DndError(
        'CORRUPT_FILE',
        `${path}: ${info.name} is of a module that lora_parameters.keys in ${PEFT_CONFIG_FILE} does not name; expected one of ${keys.join(', ')}`,
      );
  }
  const span = layers.length === 0 ? 0 : Math.max(...layers) - Math.min(...layers) + 1;
  if (lastLayers !== null && span > lastLayers)
    throw new DndError(
      'CORRUPT_FILE',
      `${path} adapts ${span} layers, from ${Math.min(...layers)} to ${Math.max(...layers)}, but num_layers in ${PEFT_CONFIG_FILE} is ${lastLayers}`,
    );
}

/** PEFT's settings that select these modules and no others. mlx-lm adapts the last layers, so that layer 0 means all. */
function targetsOf(
  modules: readonly string[],
): Pick<LoraConfig, 'targetModules' | 'layersToTransform' | 'excludeModules'> {
  const places = modules.map(layerOf);
  const keys = new Set(places.map((place) => place?.key));
  const layers = [...new Set(places.map((place) => place?.layer))].sort((a, b) => a! - b!);
  const first = modules.find((_, index) => places[index]);
  const layersPath = first === undefined ? '' : first.slice(0, first.lastIndexOf('layers.') + 'layers'.length);
  const excludeModules = excludedModulesOf(null, layersPath);
  if (keys.has(undefined) || keys.size * layers.length !== modules.length)
    return { targetModules: [...modules], excludeModules };
  const names = new Set(Array.from(keys, (key) => key!.slice(key!.lastIndexOf('.') + 1)));
  const known = KNOWN_MODULES.filter((name) => names.has(name));
  const others = [...names].filter((name) => !KNOWN_MODULES.includes(name as ModuleName)).sort();
  const all = layers.every((layer, index) => layer === index);
  return { targetModules: [...known, ...others], layersToTransform: all ? null : (layers as number[]), excludeModules };
}

/** PEFT's alpha with this scale: a whole number where one gives it exactly. */
function alphaOf({ scale, rank }: MlxConfig): number {
  const whole = Math.round(scale * rank);
  return whole / rank === scale ? whole : scale * rank;
}

async function readTensors(file: SafetensorsFile, config: MlxConfig, operation: LongOperation): Promise<LoraAdapter> {
  const report = steadyProgress(operation.onProgress);
  const matrices = Array.from(file.tensors.values(), (info) => matrixOf(info, file.path));
  if (matrices.length === 0) throw new DndError('SHAPE_MISMATCH', `${file.path} contains no tensors`);
  checkPlaces(matrices, config, file.path);
  const tensors = new Map<string, AdapterTensor>();
  for (const { info, module, part } of matrices) {
    operation.signal?.throwIfAborted();
    const [rows, columns] = info.shape as [number, number];
    const data = transposeOf(await file.readFloat32(info.name), rows, columns);
    const name = tensorName(module, part);
    if (tensors.has(name)) throw new DndError('CORRUPT_FILE', `${file.path} holds ${name} twice, under two spellings`);
    tensors.set(name, { shape: [columns, rows], data });
    report(tensors.size / matrices.length);
  }
  const modules = [...new Set(matrices.map(({ module }) => module))];
  const { rank, baseModelName } = config;
  const adapter = new LoraAdapter(
    { rank, alpha: alphaOf(config), useRslora: false, baseModelName, ...targetsOf(modules) },
    tensors,
  );
  for (const module of modules) {
    const own = adapter.pair(module).rank;
    if (own === rank) continue;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${file.path}: ${module} has rank ${own}, but ${PEFT_CONFIG_FILE} says ${rank}`,
    );
  }
  return adapter;
}

/**
 * Reads a LoRA adapter of mlx-lm into float32, with transformers' names and PEFT's matrices: A is lora_aᵀ, B is lora_bᵀ,
 * alpha is scale · rank.
 * @param path the folder, or one of the `.safetensors` files in it that mlx-lm saved while training
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; UNSUPPORTED_FORMAT for an adapter that is more than LoRA (DoRA,
 * fully trained weights, embeddings, experts), by name; SHAPE_MISMATCH for tensors that fit neither each other nor their
 * configuration
 */
export async function readMlx(path: string, operation: LongOperation = {}): Promise<LoraAdapter> {
  checkPath(path, 'the folder of readMlx');
  checkOptions(operation, 'options of readMlx');
  const folder = (await isFolder(path)) ? path : dirname(path);
  const configPath = join(folder, PEFT_CONFIG_FILE);
  const config = parseMlxConfig(await readJson(configPath), configPath);
  const file = await SafetensorsFile.open(folder === path ? join(folder, MLX_TENSORS_FILE) : path);
  try {
    return await readTensors(file, config, operation);
  } finally {
    await file.close();
  }
}
