import { eventLoopYielder, type LongOperation } from '../async/index.js';
import type { JobOptions, ParameterDtype, ParameterPlace } from '../engine/index.js';
import { DndError } from '../errors.js';
import { DTYPES, type FloatDtype } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import type { TensorPlace } from '../formats/tensor-place.js';

/** The engine copies a megabyte in well below a millisecond. */
const CHUNK_BYTES = 2 ** 20;

/** What is filled: an engine that maps parameters, or one that only copies them, such as a trainer. */
export interface ParameterTarget {
  writeParameter(name: string, elementOffset: number, bytes: Uint8Array, dtype: ParameterDtype): void;
  mapParameters?(places: readonly ParameterPlace[]): ReadonlySet<string>;
  checkMapped?(options?: JobOptions): Promise<void>;
  /** Of the parameters that are not mapped; of a target that only copies it has been asked for already. */
  requireParameterMemory?(): void;
}

export interface LoadParametersOptions extends LongOperation {
  /**
   * Called when it is known which parameters are mapped, before memory of the others is touched; may throw. Default:
   * `requireParameterMemory` of a target that maps.
   */
  beforeFilling?: (() => void) | undefined;
}

/** A tensor of a file, and the parameters that it consists of. */
export interface ParameterSource {
  tensor: string;
  dtype: FloatDtype;
  /** One after the other along its first axis, all of the same shape. */
  parameters: readonly string[];
  /** Elements of each parameter. */
  elements: number;
}

/** Where tensors come from: some readers know where in their file a tensor's bytes are. */
export type ParameterReader = Pick<TensorReader, 'path' | 'chunks'> & {
  place?(name: string): TensorPlace | undefined;
};

/**
 * Fills a model's parameters from the tensors of a file: what the engine can use as it is gets mapped, all else is read and
 * converted, piece by piece.
 * @throws DndError INVALID_WEIGHTS for NaN and infinity, with the file's path; as the reader and `beforeFilling`;
 * `signal.reason`
 */
export async function loadParameters(
  target: ParameterTarget,
  reader: ParameterReader,
  sources: readonly ParameterSource[],
  { signal, onProgress, beforeFilling }: LoadParametersOptions = {},
): Promise<void> {
  const places = sources.flatMap((source) => placesOf(source, reader));
  const mapped = (places.length > 0 && target.mapParameters?.(places)) || new Set();
  if (beforeFilling) beforeFilling();
  else if (target.mapParameters) target.requireParameterMemory?.();
  const total = sources.reduce((sum, { parameters, elements }) => sum + parameters.length * elements, 0);
  const yieldToEventLoop = eventLoopYielder();
  let done = 0;
  for (const source of sources) {
    if (!source.parameters.every((name) => mapped.has(name))) {
      for await (const chunk of reader.chunks(source.tensor, CHUNK_BYTES, { recycled: true })) {
        signal?.throwIfAborted();
        explained(reader.path, () => write(target, source, mapped, chunk));
        await yieldToEventLoop();
      }
    }
    done += source.parameters.length * source.elements;
    if (done < total) onProgress?.(done / total);
  }
  if (mapped.size > 0) await target.checkMapped?.({ signal }).catch((error) => rethrow(reader.path, error));
  onProgress?.(1);
}

function placesOf({ tensor, dtype, parameters, elements }: ParameterSource, reader: ParameterReader): ParameterPlace[] {
  if (dtype === 'F64') return [];
  const place = reader.place?.(tensor);
  if (!place) return [];
  const byteLength = elements * DTYPES[dtype].bytes;
  return parameters.map((name, part) => {
    return { ...place, name, byteOffset: place.byteOffset + part * byteLength, byteLength, dtype };
  });
}

/** Writes a chunk of a tensor into the parameters that it is in, but for mapped ones. */
function write(
  target: ParameterTarget,
  { parameters, elements, dtype }: ParameterSource,
  mapped: ReadonlySet<string>,
  { elementOffset, bytes }: { elementOffset: number; bytes: Uint8Array },
): void {
  const width = DTYPES[dtype].bytes;
  const end = elementOffset + bytes.byteLength / width;
  for (let at = elementOffset; at < end; ) {
    const part = Math.floor(at / elements);
    const until = Math.min(end, (part + 1) * elements);
    const name = parameters[part]!;
    const piece = bytes.subarray((at - elementOffset) * width, (until - elementOffset) * width);
    if (!mapped.has(name)) target.writeParameter(name, at - part * elements, piece, dtype);
    at = until;
  }
}

function explained(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    rethrow(path, error);
  }
}

function rethrow(path: string, error: unknown): never {
  if (!(error instanceof DndError) || error.code !== 'INVALID_WEIGHTS') throw error;
  throw new DndError('INVALID_WEIGHTS', `${path}: ${error.message}`, { cause: error });
}
