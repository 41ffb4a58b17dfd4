import { basename, dirname, join } from 'node:path';
import { DndError } from '../../errors.js';
import { readJson } from '../../files/index.js';
import { isObject, quote } from '../../validation/index.js';
import type { ChunkOptions, TensorChunk, TensorInfo, TensorReader } from './reader.js';

const INDEX_ENDING = '.index.json';
/** Of an index of safetensors files. */
export const INDEX_SUFFIX = `.safetensors${INDEX_ENDING}`;
/** Of an index of PyTorch archives. */
export const PYTORCH_INDEX_SUFFIX = `.bin${INDEX_ENDING}`;

/** The names of files end as that of their index does, without `.index.json`: `.safetensors` or `.bin`. */
function fileSuffixOf(index: string): string {
  return index.endsWith(PYTORCH_INDEX_SUFFIX) ? '.bin' : '.safetensors';
}

export function isIndex(path: string): boolean {
  return path.endsWith(INDEX_SUFFIX) || path.endsWith(PYTORCH_INDEX_SUFFIX);
}

/** Tensor name → name of its file, beside the index. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const suffix = fileSuffixOf(path);
  const broken = (what: string) =>
    new DndError('CORRUPT_FILE', `${path} is not a valid index of ${suffix} files: ${what}`);
  const index = await readJson(path);
  const map = isObject(index) ? index.weight_map : undefined;
  if (!isObject(map)) throw broken('it has no weight_map');
  const files = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    // A path could lead out of the folder.
    if (typeof file !== 'string' || !file.endsWith(suffix) || basename(file) !== file || file.includes('\\')) {
      throw broken(`tensor ${quote(tensor)} is not in a ${suffix} file beside it`);
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

/**
 * Opens the files that an index names, which have the tensors that it assigns to them, and no others.
 * @throws DndError as `shardsOf` and `open`; CORRUPT_FILE
 */
export async function openShards<Reader extends TensorReader>(
  index: string,
  open: (path: string) => Promise<Reader>,
): Promise<Reader[]> {
  const assigned = await readIndex(index);
  const shards = new Map<string, Reader>();
  try {
    for (const file of [...new Set(assigned.values())].sort()) shards.set(file, await open(join(dirname(index), file)));
    checkAgainstIndex(assigned, shards, index);
  } catch (error) {
    await Promise.all(Array.from(shards.values(), (shard) => shard.close()));
    throw error;
  }
  return [...shards.values()];
}

function checkAgainstIndex(index: Map<string, string>, shards: Map<string, TensorReader>, path: string): void {
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

/** The tensors of several files, read as if they were one. Errors: as those of the files. */
export class Shards<Reader extends TensorReader> implements TensorReader {
  readonly #holders: ReadonlyMap<string, Reader>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Of the first file. */
  readonly metadata: Readonly<Record<string, string>>;

  /** @param files no two with a tensor of the same name; they are closed with this */
  constructor(
    readonly path: string,
    protected readonly files: readonly Reader[],
  ) {
    this.#holders = new Map(files.flatMap((file) => Array.from(file.tensors.keys(), (name) => [name, file] as const)));
    this.tensors = new Map(files.flatMap((file) => [...file.tensors]));
    this.metadata = files[0]?.metadata ?? {};
  }

  /** Of its files, in the order of their names. */
  get paths(): string[] {
    return this.files.map((file) => file.path);
  }

  protected holder(name: string): Reader {
    const file = this.#holders.get(name);
    if (!file) throw new DndError('INVALID_ARGUMENT', `${this.path} holds no tensor ${quote(name)}`);
    return file;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.holder(name).read(name);
  }

  async readFloat32(name: string): Promise<Float32Array<ArrayBuffer>> {
    return this.holder(name).readFloat32(name);
  }

  async *chunks(name: string, maxBytes?: number, options?: ChunkOptions): AsyncGenerator<TensorChunk, void, void> {
    yield* this.holder(name).chunks(name, maxBytes, options);
  }

  async close(): Promise<void> {
    await Promise.all(this.files.map((file) => file.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
