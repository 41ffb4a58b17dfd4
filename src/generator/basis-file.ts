import { join } from 'node:path';
import { type AdapterLayout, encodeWeights } from '../adapter/index.js';
import { eventLoopYielder, slices } from '../async/index.js';
import { MemoryBudget } from '../engine/index.js';
import type { WrittenFiles } from '../files/index.js';
import { DTYPES, fromFloat32, toFloat32 } from '../formats/dtypes.js';
import { writeSafetensors } from '../formats/safetensors/index.js';
import { Basis } from './basis.js';
import { readFloatTensor, readOwnFile } from './float-tensors.js';
import type { GeneratorManifest } from './manifest.js';

/** In a generator folder and in a run folder, only with `adapter.basis`. */
export const BASIS_FILE = 'basis.safetensors';

const DIRECTIONS = 'directions';
/** Half of float32's size, and the directions of a basis need no more digits. */
const DTYPE = 'F16';
/** What the tensor must fit. */
const FITTED = 'adapter layout and its basis';

type TokenShape = Pick<AdapterLayout, 'tokenCount' | 'tokenHeight' | 'tokenWidth' | 'size'>;

/** Bytes of a basis in memory. */
export function basisBytes(count: number, { size }: Pick<AdapterLayout, 'size'>): number {
  return count * size * Float32Array.BYTES_PER_ELEMENT;
}

/** Bytes of its directions in a file. */
export function basisFileBytes(count: number | undefined, { size }: Pick<AdapterLayout, 'size'>): number {
  return (count ?? 0) * size * DTYPES[DTYPE].bytes;
}

/** @throws DndError OUT_OF_MEMORY for a basis that does not fit into available memory */
export function requireBasisMemory(count: number, layout: Pick<AdapterLayout, 'size'>): void {
  new MemoryBudget(undefined).require({
    purpose: `a basis of ${count} directions of ${layout.size} elements`,
    bytes: basisBytes(count, layout),
    lower: 'use a smaller basis',
  });
}

/** Elements of directions that are rounded at once. */
const SLICE = 2 ** 17;

/**
 * Rounds directions to what a file keeps of them: a run begins with the numbers that its generators will have.
 * @throws `signal.reason`
 */
export async function roundDirections(directions: Float32Array, signal?: AbortSignal | undefined): Promise<void> {
  for await (const [start, end] of slices(directions.length, SLICE, signal)) {
    const part = directions.subarray(start, end);
    part.set(toFloat32(fromFloat32(part, DTYPE), DTYPE));
  }
}

/**
 * Writes the directions, if there is a basis.
 * @throws DndError DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function writeBasis(
  folder: string,
  basis: Basis | undefined,
  { tokenCount, tokenHeight, tokenWidth }: TokenShape,
  options: WrittenFiles & { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  if (!basis) return;
  const { count, size, directions } = basis;
  const shape = [count, size] as const;
  const source = {
    name: DIRECTIONS,
    dtype: DTYPE,
    shape: [count, tokenCount, tokenHeight, tokenWidth],
    bytes: () => encodeWeights(DIRECTIONS, { shape, data: directions }, DTYPE, eventLoopYielder()),
  } as const;
  await writeSafetensors(join(folder, BASIS_FILE), [source], options);
}

/**
 * The basis of a generator or a run; undefined if its decoder ends in weight tokens.
 * @throws DndError OUT_OF_MEMORY; FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, SHAPE_MISMATCH: all name the file; `signal.reason`
 */
export async function readBasis(
  folder: string,
  { adapter }: Pick<GeneratorManifest, 'adapter'>,
  layout: TokenShape,
  signal?: AbortSignal,
): Promise<Basis | undefined> {
  const { basis: count, basisSha256 } = adapter;
  if (count === undefined) return undefined;
  requireBasisMemory(count, layout);
  const { tokenCount, tokenHeight, tokenWidth } = layout;
  const shape = [count, tokenCount, tokenHeight, tokenWidth];
  return readOwnFile(join(folder, BASIS_FILE), basisSha256, async (file) =>
    Basis.from(await readFloatTensor(file, DIRECTIONS, shape, FITTED, DTYPE), count, { signal }),
  );
}
