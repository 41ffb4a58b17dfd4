import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  adapterFolder,
  isUnconverted,
  openAdapterTensors,
  PEFT_CONFIG_FILE,
  PEFT_TENSORS_FILE,
  PYTORCH_TENSORS_FILE,
  parsePeftConfig,
} from '../adapter/index.js';
import { DndError } from '../errors.js';
import { exists, readError, readJson } from '../files/index.js';
import { isGguf } from '../formats/gguf/index.js';
import { isPytorch, PytorchSet } from '../formats/pytorch/index.js';
import { SafetensorsSet, type TensorReader } from '../formats/safetensors/index.js';
import { parameterCount } from '../generator/decoder-shape.js';
import { DECODER_BASE_NAME } from '../generator/decoder-weights.js';
import { generatorFolder } from '../generator/generator-package.js';
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
  /** Why the other commands refuse it, and settings that they ignore. */
  notices: string[];
  tensors: TensorSummary[];
}

export interface SafetensorsInspection {
  type: 'safetensors';
  path: string;
  metadata: Readonly<Record<string, string>>;
  tensors: TensorSummary[];
}

export interface PytorchInspection {
  type: 'pytorch';
  path: string;
  tensors: TensorSummary[];
}

export type Inspection =
  | GeneratorInspection
  | AdapterInspection
  | SafetensorsInspection
  | GgufInspection
  | PytorchInspection;

/**
 * The contents of a generator (a folder, or as `Generator.load` takes it), a PEFT folder or the only one below a folder, a
 * GGUF file, any safetensors file or sharded set, or an archive of torch.save or several with an index.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, UNSUPPORTED_FORMAT, NEWER_FORMAT; INVALID_ARGUMENT for a
 * folder with several adapters
 */
export async function inspect(place: string, options: InspectOptions = {}): Promise<Inspection> {
  const path = await generatorFolder(checkPath(place, 'what to inspect'));
  const folder = await folderOf(path);
  if (folder && (await exists(join(folder, MANIFEST_FILE)))) return inspectGenerator(folder, options);
  const configured = folder && (await exists(join(folder, PEFT_CONFIG_FILE)));
  if (configured && (await exists(join(folder, PEFT_TENSORS_FILE)))) return inspectAdapter(folder, options);
  if (folder && !(await holdsTensors(folder))) {
    const adapter = await adapterFolder(folder);
    const pytorch = join(adapter, PYTORCH_TENSORS_FILE);
    if (adapter !== folder || (configured && (await exists(pytorch)))) return inspectAdapter(adapter, options);
    if (await exists(pytorch)) return inspectPytorch(pytorch, options);
  }
  if (await isGguf(path)) return inspectGguf(path, options);
  if (await isPytorch(path)) return inspectPytorch(path, options);
  return withTensors(
    () => SafetensorsSet.open(path),
    options,
    false,
    (tensors, { path: found, metadata }) => ({
      type: 'safetensors',
      path: found,
      metadata,
      tensors,
    }),
  );
}

/** The folder: the path itself, or the parent of a given manifest. */
async function folderOf(path: string): Promise<string | undefined> {
  if ([MANIFEST_FILE, PEFT_CONFIG_FILE].includes(basename(path))) return dirname(path);
  const status = await stat(path).catch((error) => {
    throw readError(error, path);
  });
  return status.isDirectory() ? path : undefined;
}

async function holdsTensors(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  return names.some((name) => /\.safetensors(?:\.index\.json)?$/.test(name));
}

async function inspectGenerator(folder: string, options: InspectOptions): Promise<GeneratorInspection> {
  const manifest = await readManifest(join(folder, MANIFEST_FILE));
  const layout = layoutOf(manifest);
  return withTensors(
    () => SafetensorsSet.open(join(folder, DECODER_BASE_NAME)),
    options,
    false,
    (tensors) => ({
      type: 'generator',
      path: folder,
      manifest,
      notice: manifest.training.trained ? null : UNTRAINED,
      parameters: parameterCount(manifest.decoder),
      weightTokens: { count: layout.tokenCount, height: layout.tokenHeight, width: layout.tokenWidth },
      adapterTensors: layout.tensors.length,
      tensors,
    }),
  );
}

async function inspectAdapter(folder: string, options: InspectOptions): Promise<AdapterInspection> {
  const configPath = join(folder, PEFT_CONFIG_FILE);
  const config = await readJson(configPath);
  return withTensors(
    () => openAdapterTensors(folder),
    options,
    true,
    (tensors) => ({
      type: 'adapter',
      path: folder,
      config,
      notices: [...(isUnconverted(folder) ? [UNCONVERTED] : []), ...noticesOf(config, configPath)],
      tensors,
    }),
  );
}

async function inspectPytorch(path: string, options: InspectOptions): Promise<PytorchInspection> {
  return withTensors(
    () => PytorchSet.open(path),
    options,
    false,
    (tensors) => ({ type: 'pytorch', path, tensors }),
  );
}

const UNCONVERTED = 'by its name this is an adapter from before its conversion to LoRA, relative to a changed base';

/** Inspecting shows an adapter as it is, whether or not the other commands can use it. */
function noticesOf(config: unknown, path: string): string[] {
  try {
    return parsePeftConfig(config, path).warnings;
  } catch (error) {
    if (error instanceof DndError) return [error.message];
    throw error;
  }
}

async function withTensors<T>(
  open: () => Promise<TensorReader>,
  { statistics, signal }: InspectOptions,
  byDefault: boolean,
  describe: (tensors: TensorSummary[], reader: TensorReader) => T,
): Promise<T> {
  const reader = await open();
  try {
    return describe(await summariseTensors(reader, { statistics: statistics ?? byDefault, signal }), reader);
  } finally {
    await reader.close();
  }
}
