import { join } from 'node:path';
import type { LongOperation } from '../async/index.js';
import { steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { readJson } from '../files/index.js';
import { isFloatDtype } from '../formats/dtypes.js';
import type { TensorInfo, TensorReader } from '../formats/safetensors/index.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { openAdapterTensors } from './adapter-tensors.js';
import { type AdapterTensor, LoraAdapter } from './lora-adapter.js';
import { KNOWN_MODULES, type ModuleName } from './modules.js';
import { parseTensorName, tensorName } from './names.js';
import { type ParsedPeftConfig, parsePeftConfig } from './peft-config.js';
import { PEFT_CONFIG_FILE } from './peft-write.js';

/** Tensors of adapters that are more than LoRA, by a part of their names. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/\.lora_magnitude_vector\b/, 'DoRA'],
  [/\.lora_embedding_[AB]\b/, 'LoRA on embeddings'],
  [/\.modules_to_save\b/, 'fully trained modules'],
  [/\bbias$/, 'trained biases'],
];

/**
 * The normalised name of a LoRA matrix of the file `path`: with PEFT's prefix, without an adapter's name.
 * @throws DndError UNSUPPORTED_FORMAT for another tensor, with the name of its kind; SHAPE_MISMATCH for anything but a
 * float matrix
 */
export function checkedName(info: TensorInfo, path: string): string {
  const parsed = parseTensorName(info.name);
  if (!parsed) {
    const what = FOREIGN.find(([pattern]) => pattern.test(info.name))?.[1] ?? 'not a LoRA matrix';
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${path}: ${info.name} is ${what}, which is not supported; only plain LoRA is`,
    );
  }
  const shape = `shape [${info.shape.join(', ')}]`;
  if (info.shape.length !== 2 || info.shape.includes(0) || !isFloatDtype(info.dtype)) {
    throw new DndError('SHAPE_MISMATCH', `${path}: ${info.name} is ${info.dtype} of ${shape}, not a matrix of floats`);
  }
  return tensorName(parsed.module, parsed.part);
}

/** Without patterns every rank is r: PEFT would refuse others, too. */
function checkRanks(adapter: LoraAdapter, path: string): void {
  const { rank, rankPattern } = adapter.config;
  if (Object.keys(rankPattern ?? {}).length > 0) return;
  for (const module of adapter.moduleNames()) {
    const own = adapter.pair(module).rank;
    if (own === rank) continue;
    throw new DndError('SHAPE_MISMATCH', `${path}: ${module} has rank ${own}, but ${PEFT_CONFIG_FILE} says ${rank}`);
  }
}

/** Last parts of the adapted modules' names; those of MODULES in their order, before any others. */
function targetsOf(tensors: ReadonlyMap<string, AdapterTensor>): string[] {
  const names = new Set(Array.from(tensors.keys(), (name) => parseTensorName(name)!.module.split('.').at(-1)!));
  const known = KNOWN_MODULES.filter((name) => names.has(name));
  const others = [...names].filter((name) => !KNOWN_MODULES.includes(name as ModuleName));
  return [...known, ...others.sort()];
}

async function readTensors(
  file: TensorReader,
  parsed: ParsedPeftConfig,
  operation: LongOperation,
): Promise<LoraAdapter> {
  const report = steadyProgress(operation.onProgress);
  const named = Array.from(file.tensors.values(), (info) => ({ info, name: checkedName(info, file.path) }));
  if (named.length === 0) throw new DndError('SHAPE_MISMATCH', `${file.path} contains no tensors`);
  const tensors = new Map<string, AdapterTensor>();
  for (const { info, name } of named) {
    operation.signal?.throwIfAborted();
    if (tensors.has(name)) throw new DndError('CORRUPT_FILE', `${file.path} holds ${name} twice, under two spellings`);
    tensors.set(name, { shape: info.shape, data: await file.readFloat32(info.name) });
    report(tensors.size / named.length);
  }
  return new LoraAdapter({ ...parsed, targetModules: parsed.targetModules ?? targetsOf(tensors) }, tensors);
}

/**
 * Reads a PEFT LoRA folder, of any base model, into float32.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; UNSUPPORTED_FORMAT for an adapter that is more than LoRA
 * (DoRA, biases, whole modules, …), by name; SHAPE_MISMATCH for tensors that fit neither each other nor their
 * configuration
 */
export async function readPeft(folder: string, operation: LongOperation = {}): Promise<LoraAdapter> {
  checkPath(folder, 'the folder of readPeft');
  checkOptions(operation, 'options of readPeft');
  const configPath = join(folder, PEFT_CONFIG_FILE);
  const parsed = parsePeftConfig(await readJson(configPath), configPath);
  const file = await openAdapterTensors(folder);
  try {
    const adapter = await readTensors(file, parsed, operation);
    checkRanks(adapter, file.path);
    return adapter;
  } finally {
    await file.close();
  }
}
