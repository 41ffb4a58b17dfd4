import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DndError } from '../../errors.js';
import { kindOf, readError, readJson } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import { SafetensorsFile } from './file.js';
import type { TensorChunk, TensorInfo, TensorReader } from './reader.js';

export const INDEX_SUFFIX = '.safetensors.index.json';
const FILE_SUFFIX = '.safetensors';

/** The only file, or else the only index, in a folder. A single file takes precedence, as in transformers. */
async function findInFolder(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  const indices = names.filter((name) => name.endsWith(INDEX_SUFFIX));
  // Shards of a set do not count as files.
  const files = names.filter((name) => name.endsWith(FILE_SUFFIX) && !/-\d{5}-of-\d{5}\.safetensors$/.test(name));
  const candidates = files.length > 0 ? files : indices;
  if (candidates.length === 1) return join(folder, candidates[0]!);
  if (candidates.length === 0) {
    throw new DndError('FILE_NOT_FOUND', `${folder} contains no .safetensors file and no index (*${INDEX_SUFFIX})`);
  }
  const choice = candidates.slice(0, 5).join(', ');
  throw new DndError('INVALID_ARGUMENT', `${folder} contains several safetensors files. Name one of them: ${choice}`);
}

async function locate(path: string): Promise<string> {
  const kind = await kindOf(path);
  if (kind === 'folder') return findInFolder(path);
  if (kind === 'file') return path;
  for (const suffix of [FILE_SUFFIX, INDEX_SUFFIX]) {
    if ((await kindOf(path + suffix)) === 'file') return path + suffix;
  }
  throw new DndError(
    'FILE_NOT_FOUND',
    `no safetensors file found; tried ${path}, ${path}${FILE_SUFFIX} and ${path}${INDEX_SUFFIX}`,
  );
}

/** Tensor name → name of its file, beside the index. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const broken = (what: string) => new DndError('CORRUPT_FILE', `${path} is not a valid safetensors index: ${what}`);
  const index = await readJson(path);
  const map = typeof index === 'object' && index !== null ? (index as Record<string, unknown>).weight_map : undefined;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw broken('it has no weight_map');
  const files = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    // A path could lead out of the folder.
    if (typeof file !== 'string' || !file.endsWith(FILE_SUFFIX) || basename(file) !== file || file.includes('\\')) {
      throw broken(`tensor ${quote(tensor)} is not in a .safetensors file beside it`);
    }
    files.set(tensor, file);
  }
  return files;
}

/**
 * Names of the files beside an index that it assigns tensors to, in order.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE
 */
export async function shardsOf(index: string): Promise<string[]> {
  return [...new Set((await readIndex(index)).values())].sort();
}

function checkAgainstIndex(index: Map<string, string>, shards: Map<string, SafetensorsFile>, path: string): void {
  for (const [tensor, file] of index) {
    if (!shards.get(file)!.tensors.has(tensor)) {
      throw new DndError('CORRUPT_FILE', `${file} has no tensor ${quote(tensor)}, which ${path} assigns to it`);
    }
  }
  for (const [file, shard] of shards) {
    for (const tensor of shard.tensors.keys()) {
      if (index.get(tensor) === file) continue;
      throw new DndError(
        'CORRUPT_FILE',
        `${shard.path} contains tensor ${quote(tensor)}, which ${path} does not assign to it`,
      );
    }
  }
}

/**
 * The tensors of a safetensors file, or of a set of files with an index, read as if they were one file.
 * Errors: as `SafetensorsFile`.
 */
export class SafetensorsSet implements TensorReader {
  readonly #holders: ReadonlyMap<string, SafetensorsFile>;
  readonly #files: readonly SafetensorsFile[];
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Of the first file. */
  readonly metadata: Readonly<Record<string, string>>;

  private constructor(
    readonly path: string,
    files: readonly SafetensorsFile[],
  ) {
    this.#files = files;
    this.#holders = new Map(files.flatMap((file) => Array.from(file.tensors.keys(), (name) => [name, file] as const)));
    this.tensors = new Map(files.flatMap((file) => [...file.tensors]));
    this.metadata = files[0]?.metadata ?? {};
  }

  /**
   * @param path a `.safetensors` file; an index; a folder that contains one of them; or `<folder>/<base>` for
   * `<base>.safetensors` or `<base>.safetensors.index.json`
   */
  static async open(path: string): Promise<SafetensorsSet> {
    const found = await locate(path);
    if (!found.endsWith(INDEX_SUFFIX)) return new SafetensorsSet(found, [await SafetensorsFile.open(found)]);
    const index = await readIndex(found);
    const shards = new Map<string, SafetensorsFile>();
    try {
      for (const file of [...new Set(index.values())].sort()) {
        shards.set(file, await SafetensorsFile.open(join(dirname(found), file)));
      }
      checkAgainstIndex(index, shards, found);
    } catch (error) {
      await Promise.all(Array.from(shards.values(), (shard) => shard.close()));
      throw error;
    }
    return new SafetensorsSet(found, [...shards.values()]);
  }

  /** Of its files, in the order of their names. */
  get paths(): string[] {
    return this.#files.map((file) => file.path);
  }

  #holder(name: string): SafetensorsFile {
    const file = this.#holders.get(name);
    if (!file) throw new DndError('INVALID_ARGUMENT', `${this.path} holds no tensor ${quote(name)}`);
    return file;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.#holder(name).read(name);
  }

  async readFloat32(name: string): Promise<Float32Array<ArrayBuffer>> {
    return this.#holder(name).readFloat32(name);
  }

  async *chunks(name: string, maxBytes?: number): AsyncGenerator<TensorChunk, void, void> {
    yield* this.#holder(name).chunks(name, maxBytes);
  }

  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
