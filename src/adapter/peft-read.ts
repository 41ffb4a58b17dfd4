import { join } from 'node:path';
import type { LongOperation } from '../async/index.js';
import { steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { readJson } from '../files/index.js';
import { SafetensorsFile, type TensorReader } from '../formats/safetensors/index.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { adapterFolder } from './adapter-folder.js';
import { openAdapterTensors } from './adapter-tensors.js';
import { type AdapterTensor, LoraAdapter } from './lora-adapter.js';
import { loraTensors } from './lora-tensors.js';
import { KNOWN_MODULES, type ModuleName } from './modules.js';
import { parseTensorName } from './names.js';
import { type ParsedPeftConfig, parsePeftConfig } from './peft-config.js';
import { PEFT_CONFIG_FILE } from './peft-write.js';

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

/** Of a safetensors file many are read at once. */
async function* readFloats(file: TensorReader, names: ReadonlySet<string>) {
  if (file instanceof SafetensorsFile) return yield* file.readManyFloat32(names);
  for (const name of names) yield { info: file.tensors.get(name)!, values: await file.readFloat32(name) };
}

async function readTensors(
  file: TensorReader,
  { warnings: _, ...parsed }: ParsedPeftConfig,
  operation: LongOperation,
): Promise<LoraAdapter> {
  const report = steadyProgress(operation.onProgress);
  const named = loraTensors(file.tensors.values(), file.path);
  const values = new Map<string, Float32Array>();
  for await (const { info, values: own } of readFloats(file, new Set(named.map(({ info }) => info.name)))) {
    operation.signal?.throwIfAborted();
    values.set(info.name, own);
    report(values.size / named.length);
  }
  const tensors = new Map<string, AdapterTensor>(
    named.map(({ info, name }) => [name, { shape: info.shape, data: values.get(info.name)! }]),
  );
  return new LoraAdapter({ ...parsed, targetModules: parsed.targetModules ?? targetsOf(tensors) }, tensors);
}

/** Options of `readPeft`. */
export interface ReadPeftOptions extends LongOperation {
  /** Called for each setting of the adapter that is unknown and ignored. */
  onWarning?: ((warning: string) => void) | undefined;
}

/**
 * Reads a PEFT LoRA folder, of any base model, into float32; or the only one below a folder, where trainers write
 * adapters by name.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; UNSUPPORTED_FORMAT for an adapter that is more than LoRA
 * (DoRA, biases, whole modules, …), is relative to a changed base (PiSSA, …) or has another format, by name;
 * INVALID_ARGUMENT for a folder with several adapters, with their names; SHAPE_MISMATCH for tensors that fit neither each
 * other nor their configuration
 */
export async function readPeft(folder: string, options: ReadPeftOptions = {}): Promise<LoraAdapter> {
  checkPath(folder, 'the folder of readPeft');
  checkOptions(options, 'options of readPeft');
  const place = await adapterFolder(folder);
  const configPath = join(place, PEFT_CONFIG_FILE);
  const parsed = parsePeftConfig(await readJson(configPath), configPath);
  const file = await openAdapterTensors(place);
  try {
    const adapter = await readTensors(file, parsed, options);
    checkRanks(adapter, file.path);
    for (const warning of parsed.warnings) options.onWarning?.(`${configPath}: ${warning}`);
    return adapter;
  } finally {
    await file.close();
  }
}
