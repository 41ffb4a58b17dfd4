import { permuteRows } from '../../adapter/gguf/permute.js';
import { DndError } from '../../errors.js';
import { DTYPES, elementCount } from '../../formats/dtypes.js';
import {
  dequantise,
  GGML_TYPES,
  type GgufFile,
  type GgufTensor,
  isReadableType,
  READABLE_TYPES,
  type ReadableType,
} from '../../formats/gguf/index.js';
import type { TensorChunk, TensorInfo, TensorReader } from '../../formats/safetensors/index.js';
import type { TensorPlace } from '../../formats/tensor-place.js';
import { quote } from '../../validation/index.js';
import { ggufNameOf, placeOf, type WeightForm } from './tensor-names.js';

/** Factors by which rotary frequencies are divided: Llama 3's scaling, computed by the converter. */
const FREQUENCY_FACTORS = 'rope_freqs.weight';

/** Types whose values the engine reads as they are. */
const PLAIN_TYPES = ['F32', 'F16', 'BF16'] as const;

type PlainType = (typeof PLAIN_TYPES)[number];

const isPlain = (type: ReadableType): type is PlainType => PLAIN_TYPES.some((plain) => plain === type);

interface Source {
  tensor: GgufTensor & { type: ReadableType };
  /** The heads whose rows are in llama.cpp's order; 0 where there is none. */
  heads: number;
}

/** @returns the dtype of a tensor that is read as it is in the file; null for one that is converted to float32 */
const plainDtype = ({ tensor: { type }, heads }: Source): PlainType | null =>
  heads === 0 && isPlain(type) ? type : null;

/**
 * The weights of a base model's GGUF file, under transformers' names and in its order of rows: float32, but for tensors in
 * half precision whose rows have that order already.
 */
export class GgufWeights implements Pick<TensorReader, 'path' | 'tensors' | 'chunks' | 'close'> {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly #sources: ReadonlyMap<string, Source>;
  readonly #file: GgufFile;
  readonly #form: WeightForm;

  /**
   * @param file is closed with this
   * @throws DndError UNSUPPORTED_BASE for a tensor that is not known, or of a type whose values cannot be read
   */
  constructor(file: GgufFile, form: WeightForm) {
    this.#file = file;
    this.#form = form;
    const sources = new Map<string, Source>();
    const tensors = new Map<string, TensorInfo>();
    for (const tensor of file.tensors.values()) {
      if (tensor.name === FREQUENCY_FACTORS) continue;
      const { name, heads } = placeOf(tensor.name, form, file.path);
      const shape = [...tensor.shape].reverse();
      const source = { tensor: readable(tensor, file.path), heads };
      sources.set(name, source);
      const dtype = plainDtype(source) ?? 'F32';
      const byteLength = elementCount(shape) * DTYPES[dtype].bytes;
      tensors.set(name, { name, dtype, shape, byteOffset: tensor.offset, byteLength });
    }
    this.#sources = sources;
    this.tensors = tensors;
  }

  get path(): string {
    return this.#file.path;
  }

  nameOf(name: string): string {
    return ggufNameOf(name, this.#form);
  }

  /** Of a tensor that is in the file as `chunks` has it; undefined for the others. */
  place(name: string): TensorPlace | undefined {
    const source = this.#source(name);
    return plainDtype(source) ? this.#file.place(source.tensor.name) : undefined;
  }

  #source(name: string): Source {
    const source = this.#sources.get(name);
    if (!source) throw new DndError('INVALID_ARGUMENT', `${this.path} has no tensor ${quote(name)}`);
    return source;
  }

  /** Values of one tensor: in pieces of at most `maxBytes`, or of one block or one head where that is more. */
  async *chunks(name: string, maxBytes = 2 ** 22): AsyncGenerator<TensorChunk, void, void> {
    const source = this.#source(name);
    const { tensor, heads } = source;
    const plain = plainDtype(source);
    const { blockElements, blockBytes } = GGML_TYPES[tensor.type];
    const columns = tensor.shape.length === 1 ? 1 : tensor.shape[0]!;
    const unit = heads === 0 ? blockElements : this.#form.headDim * columns;
    const units = Math.max(1, Math.floor(maxBytes / DTYPES.F32.bytes / unit));
    let elementOffset = 0;
    for await (const bytes of this.#file.chunks(tensor.name, ((units * unit) / blockElements) * blockBytes)) {
      if (plain) {
        yield { elementOffset, bytes };
        elementOffset += bytes.byteLength / DTYPES[plain].bytes;
        continue;
      }
      let values = dequantise(bytes, tensor.type);
      if (heads > 0) values = permuteRows(values, columns, values.length / unit, 'transformers');
      yield { elementOffset, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
      elementOffset += values.length;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function readable(tensor: GgufTensor, path: string): Source['tensor'] {
  const { type } = tensor;
  if (isReadableType(type)) return { ...tensor, type };
  throw new DndError(
    'UNSUPPORTED_BASE',
    `${path}: tensor ${quote(tensor.name)} is of the type ${type}, which is not supported; expected ${READABLE_TYPES.join(', ')}. Use the model in another quantisation`,
  );
}

/**
 * The factors by which rotary frequencies are divided, headDim / 2 of them; undefined where the file has none.
 * @throws DndError UNSUPPORTED_BASE, SHAPE_MISMATCH, INVALID_WEIGHTS
 */
export async function readFrequencyFactors(file: GgufFile, form: WeightForm): Promise<number[] | undefined> {
  const tensor = file.tensors.get(FREQUENCY_FACTORS);
  if (!tensor) return undefined;
  const { type } = readable(tensor, file.path);
  const count = form.headDim / 2;
  if (tensor.shape.length !== 1 || tensor.shape[0] !== count)
    throw new DndError(
      'SHAPE_MISMATCH',
      `${file.path}: tensor ${FREQUENCY_FACTORS} has the wrong shape; expected [${count}], got [${tensor.shape.join(', ')}]`,
    );
  const factors = Array.from(dequantise(await file.read(FREQUENCY_FACTORS), type));
  const wrong = factors.find((factor) => !(factor > 0 && factor < Infinity));
  if (wrong === undefined) return factors;
  throw new DndError(
    'INVALID_WEIGHTS',
    `${file.path}: tensor ${FREQUENCY_FACTORS} is not valid; expected numbers above 0, got ${wrong}`,
  );
}
