import { DndError } from '../errors.js';
import { type GgufFile, metadataCount, metadataNumber, metadataNumbers, metadataText } from '../formats/gguf/index.js';
import { invalidValue, isWholeNumber, quote } from '../validation/index.js';

/** A GGUF file, as far as its configuration depends on it. */
export type GgufHeader = Pick<GgufFile, 'path' | 'metadata' | 'tensors'>;

/** What the metadata of a base model's GGUF file say, whoever needs it. */
export interface GgufBaseSizes {
  /** Its id in a repository of models, if the converter wrote its address. */
  name: string | null;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  layers: number;
}

/**
 * The fields of a base model's architecture.
 * @throws DndError UNSUPPORTED_BASE for a file that is no whole base model, CORRUPT_FILE
 */
export function baseFields(file: GgufHeader): ArchitectureFields {
  const { path, metadata } = file;
  const type = metadataText(metadata, 'general.type', path) ?? 'model';
  if (type !== 'model')
    throw unsupported(path, `it is a GGUF file of type ${quote(type)}; a base model, of type "model", is needed here`);
  const parts = metadataCount(metadata, 'split.count', path) ?? 1;
  if (parts > 1)
    throw unsupported(path, `it is one of ${parts} parts of a model. Join them, with llama-gguf-split --merge`);
  const architecture = metadataText(metadata, 'general.architecture', path);
  if (architecture !== undefined) return new ArchitectureFields(file, architecture);
  throw invalidValue('CORRUPT_FILE', `${path}: general.architecture`, 'a text', undefined);
}

/**
 * @throws DndError UNSUPPORTED_BASE for numbers of heads that differ between layers; CORRUPT_FILE for metadata that are
 * missing or wrong; SHAPE_MISMATCH where a weight contradicts them
 */
export function baseSizes(file: GgufHeader, fields: ArchitectureFields): GgufBaseSizes {
  const heads = fields.size('attention.head_count');
  const hidden = fields.size('embedding_length');
  const sizes = {
    name: repository(file),
    hidden,
    heads,
    kvHeads: fields.optionalSize('attention.head_count_kv') ?? heads,
    headDim: fields.optionalSize('attention.key_length') ?? headDimension(hidden, heads, fields),
    layers: fields.size('block_count'),
  };
  checkHeads(file, 'attn_q', sizes.heads, sizes.headDim);
  checkHeads(file, 'attn_k', sizes.kvHeads, sizes.headDim);
  return sizes;
}

/** The order of its rows follows from the heads: with the wrong number an adapter would be another one. */
function checkHeads({ path, tensors }: GgufHeader, weight: string, heads: number, headDim: number): void {
  for (const { name, shape } of tensors.values()) {
    if (!name.endsWith(`.${weight}.weight`) || shape[1] === heads * headDim) continue;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${path}: ${name} does not fit the metadata; expected ${heads} heads of ${headDim} rows, ${heads * headDim}, got ${shape[1]} rows`,
    );
  }
}

/** The metadata of an architecture: keys with its name before them. */
export class ArchitectureFields {
  readonly #file: GgufHeader;

  constructor(
    file: GgufHeader,
    readonly architecture: string,
  ) {
    this.#file = file;
  }

  name(key: string): string {
    return `${this.architecture}.${key}`;
  }

  get path(): string {
    return this.#file.path;
  }

  /** A whole number from 1; a list with one for each layer must repeat it. */
  optionalSize(key: string): number | undefined {
    const { metadata, path } = this.#file;
    const name = this.name(key);
    const value = metadata.get(name)?.type === 'array' ? this.#same(name) : metadataCount(metadata, name, path);
    if (value === undefined || isWholeNumber(value, 1)) return value;
    throw invalidValue('CORRUPT_FILE', `${path}: ${name}`, 'a whole number from 1', value);
  }

  size(key: string): number {
    const value = this.optionalSize(key);
    if (value !== undefined) return value;
    throw this.missing(key, 'a whole number from 1');
  }

  #same(name: string): number {
    const values = Array.from(metadataNumbers(this.#file.metadata, name, this.path)!, Number);
    if (values.length > 0 && values.every((value) => value === values[0])) return values[0]!;
    throw unsupported(this.path, `${name} differs between layers, which is not supported`);
  }

  optionalPositive(key: string): number | undefined {
    const value = metadataNumber(this.#file.metadata, this.name(key), this.path);
    if (value === undefined || (value > 0 && value < Infinity)) return value;
    throw invalidValue('CORRUPT_FILE', `${this.path}: ${this.name(key)}`, 'a number above 0', value);
  }

  positive(key: string): number {
    const value = this.optionalPositive(key);
    if (value !== undefined) return value;
    throw this.missing(key, 'a number above 0');
  }

  text(key: string): string | undefined {
    return metadataText(this.#file.metadata, this.name(key), this.path);
  }

  missing(key: string, expected: string): DndError {
    return invalidValue('CORRUPT_FILE', `${this.path}: ${this.name(key)}`, expected, undefined);
  }
}

function headDimension(hidden: number, heads: number, fields: ArchitectureFields): number {
  if (hidden % heads === 0) return hidden / heads;
  const what = `${fields.name('embedding_length')} ${hidden} is not a multiple of ${heads} heads`;
  throw new DndError('CORRUPT_FILE', `${fields.path}: ${what}, and ${fields.name('attention.key_length')} is missing`);
}

/** Its id in a repository of models, out of the address that the converter may have written. */
function repository({ path, metadata }: GgufHeader): string | null {
  for (const key of ['general.source.repo_url', 'general.repo_url']) {
    const id = /^https:\/\/[\w.-]+\/([\w.-]+\/[\w.-]+)\/?$/.exec(metadataText(metadata, key, path) ?? '')?.[1];
    if (id !== undefined) return id;
  }
  return null;
}

export function unsupported(path: string, what: string): DndError {
  return new DndError('UNSUPPORTED_BASE', `${path}: ${what}`);
}
