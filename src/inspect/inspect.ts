import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { PEFT_CONFIG_FILE, PEFT_TENSORS_FILE } from '../adapter/index.js';
import { exists, readError, readJson } from '../files/index.js';
import { isGguf } from '../formats/gguf/index.js';
import { SafetensorsSet } from '../formats/safetensors/index.js';
import { parameterCount } from '../generator/decoder-shape.js';
import { DECODER_BASE_NAME } from '../generator/decoder-weights.js';
import { type GeneratorManifest, layoutOf, MANIFEST_FILE, readManifest } from '../generator/manifest.js';
import { UNTRAINED } from '../generator/untrained-notice.js';
import { checkPath } from '../validation/index.js';
import { type GgufInspection, inspectGguf } from './gguf.js';
import { summariseTensors, type TensorSummary } from './tensors.js';

export interface InspectOptions {
  /** Also compute statistics of every tensor. Default: for adapters only; other files may be large. */
  statistics?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

export interface GeneratorInspection {
  type: 'generator';
  path: string;
  manifest: GeneratorManifest;
  notice: string | null;
  parameters: number;
  weightTokens: { count: number; height: number; width: number };
  adapterTensors: number;
  tensors: TensorSummary[];
}

export interface AdapterInspection {
  type: 'adapter';
  path: string;
  /** The unmodified adapter_config.json. */
  config: unknown;
  tensors: TensorSummary[];
}

export interface SafetensorsInspection {
  type: 'safetensors';
  path: string;
  metadata: Readonly<Record<string, string>>;
  tensors: TensorSummary[];
}

export type Inspection = GeneratorInspection | AdapterInspection | SafetensorsInspection | GgufInspection;

/**
 * The contents of a generator folder, a PEFT folder, a GGUF file, or any safetensors file or sharded set.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, UNSUPPORTED_FORMAT, NEWER_FORMAT
 */
export async function inspect(path: string, options: InspectOptions = {}): Promise<Inspection> {
  checkPath(path, 'what to inspect');
  const folder = await folderOf(path);
  if (folder && (await exists(join(folder, MANIFEST_FILE)))) return inspectGenerator(folder, options);
  if (folder && (await exists(join(folder, PEFT_CONFIG_FILE)))) return inspectAdapter(folder, options);
  if (await isGguf(path)) return inspectGguf(path, options);
  return withTensors(path, options, false, (tensors, { path: found, metadata }) => ({
    type: 'safetensors',
    path: found,
    metadata,
    tensors,
  }));
}

/** The folder: the path itself, or the parent of a given manifest. */
async function folderOf(path: string): Promise<string | undefined> {
  if ([MANIFEST_FILE, PEFT_CONFIG_FILE].includes(basename(path))) return dirname(path);
  const status = await stat(path).catch((error) => {
    throw readError(error, path);
  });
  return status.isDirectory() ? path : undefined;
}

async function inspectGenerator(folder: string, options: InspectOptions): Promise<GeneratorInspection> {
  const manifest = await readManifest(join(folder, MANIFEST_FILE));
  const layout = layoutOf(manifest);
  return withTensors(join(folder, DECODER_BASE_NAME), options, false, (tensors) => ({
    type: 'generator',
    path: folder,
    manifest,
    notice: manifest.training.trained ? null : UNTRAINED,
    parameters: parameterCount(manifest.decoder),
    weightTokens: { count: layout.tokenCount, height: layout.tokenHeight, width: layout.tokenWidth },
    adapterTensors: layout.tensors.length,
    tensors,
  }));
}

async function inspectAdapter(folder: string, options: InspectOptions): Promise<AdapterInspection> {
  const config = await readJson(join(folder, PEFT_CONFIG_FILE));
  return withTensors(join(folder, PEFT_TENSORS_FILE), options, true, (tensors) => ({
    type: 'adapter',
    path: folder,
    config,
    tensors,
  }));
}

async function withTensors<T>(
  path: string,
  { statistics, signal }: InspectOptions,
  byDefault: boolean,
  describe: (tensors: TensorSummary[], set: SafetensorsSet) => T,
): Promise<T> {
  const set = await SafetensorsSet.open(path);
  try {
    return describe(await summariseTensors(set, { statistics: statistics ?? byDefault, signal }), set);
  } finally {
    await set.close();
  }
}
