import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { firstNonFinite } from '../formats/non-finite.js';
import { modulesOf } from './base-family.js';
import type { BaseModel } from './base-model.js';
import { defaultChunk, roundUpToEven } from './chunk.js';
import { layoutFields, type TensorShape } from './layout-fields.js';
import { type LayoutJson, parseLayout } from './layout-json.js';
import { checkSizes, fieldsOfBase, type LayoutFields, type LayoutOptions } from './layout-options.js';
import { type FlatAdapterLayout, type LayoutTensor, tensorsOf } from './layout-tensors.js';
import { type ModuleName, selectModules } from './modules.js';
import { placeKey } from './names.js';
import type { Normalisation, ResidualStatistics } from './normalisation.js';
import { type Reference, readResidualToken, writeResidualToken } from './residual-token.js';
import { type ChunkView, readToken, type TokenView, writeToken } from './token.js';

/**
 * The exact, ordered mapping between the tensors of an adapter and weight tokens.
 * Layers ascend; in a layer the modules follow the order of MODULES; of a module first A, then B, transposed; each is
 * cut along its long axis into chunks of `chunk` columns, the last one possibly shorter.
 * A layout with the normalisation 'residual' converts only `withResidual`; without, it describes sizes alone.
 */
export class AdapterLayout {
  /** Unknown for a layout that was derived from tensors. */
  readonly base: BaseModel | null;
  readonly rank: number;
  readonly modules: readonly ModuleName[];
  readonly chunk: number;
  readonly normalisation: Normalisation;
  /** null for the normalisation 'chunk', and until `withResidual`. */
  readonly residual: ResidualStatistics | null = null;
  readonly tokenHeight: number;
  readonly tokenWidth: number;
  readonly tokenCount: number;
  /** Module path of the base model's layers. */
  readonly layersPath: string;
  /** In the order of their tokens. */
  readonly tensors: readonly LayoutTensor[];
  readonly #fields: LayoutFields;

  /** @throws DndError INVALID_ARGUMENT for an invalid rank, chunk or module */
  constructor(options: LayoutOptions | LayoutFields) {
    const fields = 'widths' in options ? options : fieldsOfBase(options);
    const modules = selectModules(fields.modules, fields.base ? modulesOf(fields.base.modelType) : undefined);
    checkSizes(fields);
    this.base = fields.base;
    this.rank = fields.rank;
    this.layersPath = fields.layersPath;
    this.modules = modules.map(({ name }) => name);
    this.chunk =
      fields.chunk ??
      defaultChunk(modules.flatMap(({ input, output }) => [fields.widths[input]!, fields.widths[output]!]));
    this.normalisation = fields.normalisation ?? 'chunk';
    const margins = this.normalisation === 'chunk';
    this.tokenHeight = margins ? roundUpToEven(this.rank + 2) : this.rank;
    this.tokenWidth = margins ? roundUpToEven(this.chunk + 2) : this.chunk;
    this.tensors = tensorsOf(fields, modules, this.chunk);
    const last = this.tensors.at(-1)!;
    this.tokenCount = last.firstToken + last.tokenCount;
    this.#fields = fields;
  }

  /**
   * The layout of an existing adapter: rank, modules, layers and widths are those of its tensors.
   * @throws DndError UNSUPPORTED_BASE for a tensor that is no projection of a supported family, SHAPE_MISMATCH where
   * shapes or ranks do not fit together
   */
  static fromTensors(
    tensors: Iterable<TensorShape>,
    { chunk, normalisation }: { chunk?: number | undefined; normalisation?: Normalisation | undefined } = {},
  ): AdapterLayout {
    return new AdapterLayout({ ...layoutFields(tensors), chunk, normalisation });
  }

  /** @throws DndError CORRUPT_FILE for anything that `toJSON` cannot have written */
  static fromJSON(json: unknown, source: string): AdapterLayout {
    const options = parseLayout(json, source);
    try {
      return new AdapterLayout(options);
    } catch (cause) {
      throw new DndError('CORRUPT_FILE', `${source}: ${(cause as Error).message}`, { cause });
    }
  }

  static defaultChunk(widths: readonly number[]): number {
    return defaultChunk(widths);
  }

  toJSON(): LayoutJson {
    const common = {
      rank: this.rank,
      modules: [...this.modules],
      chunk: this.chunk,
      layersPath: this.layersPath,
      // Absent for 'chunk', as in every file before there was a choice.
      ...(this.normalisation === 'chunk' ? {} : { normalisation: this.normalisation }),
    };
    if (this.base) return { base: this.base, ...common };
    return { widths: this.#fields.widths, layers: [...this.#fields.layers], ...common };
  }

  /**
   * The same layout, able to convert weights.
   * @throws DndError SHAPE_MISMATCH for statistics of another size; INVALID_ARGUMENT for the normalisation 'chunk'
   */
  withResidual(residual: ResidualStatistics): AdapterLayout {
    if (this.normalisation !== 'residual')
      throw new DndError('INVALID_ARGUMENT', `an adapter layout of normalisation '${this.normalisation}' has no mean`);
    const [expected, got] = [
      [this.elementCount, this.tokenCount],
      [residual.mean.length, residual.scales.length],
    ].map(([elements, tokens]) => `a mean of ${elements} elements and ${tokens} scales`);
    if (expected !== got) throw new DndError('SHAPE_MISMATCH', `the mean adapter: expected ${expected}, got ${got}`);
    const layout = new AdapterLayout({ ...this.#fields, chunk: this.chunk });
    (layout as { residual: ResidualStatistics }).residual = residual;
    return layout;
  }

  /** Elements of all weight tokens together. */
  get size(): number {
    return this.tokenCount * this.tokenHeight * this.tokenWidth;
  }

  /** Adapted layers, ascending. */
  get layers(): number[] {
    return [...new Set(this.tensors.map(({ layer }) => layer))];
  }

  /** Elements of all tensors together. */
  get elementCount(): number {
    const { offset, shape } = this.tensors.at(-1)!;
    return offset + shape[0] * shape[1];
  }

  /** @throws DndError INVALID_ARGUMENT for the normalisation 'residual' before `withResidual` */
  flat(): FlatAdapterLayout {
    const residual = this.#residual();
    return {
      tokens: this.tokenCount,
      height: this.tokenHeight,
      width: this.tokenWidth,
      rank: this.rank,
      chunk: this.chunk,
      elements: this.elementCount,
      residual: residual && { mean: residual.mean, scales: residual.scales },
      tensors: this.tensors.flatMap(({ firstToken, tokenCount, shape, part, offset }) =>
        part === 'A' ? [firstToken, tokenCount, shape[1], 0, offset] : [firstToken, tokenCount, shape[0], 1, offset],
      ),
    };
  }

  /**
   * Weights → weight tokens.
   * @param weights every tensor of the layout, by PEFT name; any path before the layers, or none, will do
   * @returns [tokenCount, tokenHeight, tokenWidth], NaN where a chunk does not fill its token
   * @throws DndError SHAPE_MISMATCH for a tensor that is missing or has another size, INVALID_WEIGHTS for NaN or
   * infinity in one
   */
  tokenise(weights: ReadonlyMap<string, Float32Array>): Float32Array<ArrayBuffer> {
    const tokens = new Float32Array(this.size);
    const byPlace = new Map(Array.from(weights, ([name, data]) => [placeKey(name) ?? name, data]));
    if (byPlace.size < weights.size) {
      throw new DndError('SHAPE_MISMATCH', 'the adapter contains a matrix twice, under two spellings of its name');
    }
    for (const tensor of this.tensors) {
      const data = byPlace.get(placeKey(tensor.name)!);
      if (!data) throw new DndError('SHAPE_MISMATCH', `the adapter has no tensor ${tensor.name}`);
      this.tokeniseTensor(data, tensor, tokens);
    }
    return tokens;
  }

  /** Of each weight token the elements that are not NaN: [tokenCount]. */
  elementCounts(): Float64Array {
    const { tokenHeight: height, tokenWidth: width } = this;
    // Of the normalisation 'chunk' the last two rows and columns of a token are used as well.
    const margins = this.normalisation === 'chunk' ? 2 * (height + width) - 4 : 0;
    const counts = new Float64Array(this.tokenCount);
    for (const tensor of this.tensors) {
      for (let index = 0; index < tensor.tokenCount; index++) {
        const { rows, columns } = this.#chunk(tensor, index);
        counts[tensor.firstToken + index] = rows * columns + margins;
      }
    }
    return counts;
  }

  /** Writes the tokens of one tensor into `tokens`, the array of all. Errors: as `tokenise`. */
  tokeniseTensor(data: Float32Array, tensor: LayoutTensor, tokens: Float32Array): void {
    const [rows, columns] = tensor.shape;
    if (data.length !== rows * columns) {
      const needed = `[${rows}, ${columns}] takes ${rows * columns} elements`;
      throw new DndError('SHAPE_MISMATCH', `${tensor.name}: ${needed}, not ${data.length}`);
    }
    this.#checkTokens(tokens);
    for (let index = 0; index < tensor.tokenCount; index++) {
      const token = this.#token(tensor, index);
      const chunk = this.#chunk(tensor, index);
      const reference = this.#reference(tensor, index);
      if (reference) {
        if (!writeResidualToken(data, chunk, reference, tokens, token)) throw notFinite(data, tensor);
        continue;
      }
      writeToken(data, chunk, tokens, token);
      // A NaN or an infinity anywhere in the chunk makes its mean one.
      if (!Number.isFinite(tokens[token.start + token.width - 2]!)) throw notFinite(data, tensor);
    }
  }

  /**
   * Weight tokens → one tensor, in the shape it has in the adapter. Values that are not finite are passed through;
   * `writePeft` rejects them.
   * @throws DndError SHAPE_MISMATCH when `tokens` has another size than [tokenCount, tokenHeight, tokenWidth]
   */
  reconstructTensor(tokens: Float32Array, tensor: LayoutTensor): Float32Array<ArrayBuffer> {
    this.#checkTokens(tokens);
    const data = new Float32Array(tensor.shape[0] * tensor.shape[1]);
    for (let index = 0; index < tensor.tokenCount; index++) {
      this.#readToken(tokens, tensor, index, data);
    }
    return data;
  }

  /** All tensors by name, reconstructed in slices that yield to the event loop. Errors: as `reconstructTensor`. */
  async reconstruct(
    tokens: Float32Array,
    operation: LongOperation = {},
  ): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    this.#checkTokens(tokens);
    const yieldToEventLoop = eventLoopYielder();
    const report = steadyProgress(operation.onProgress);
    const reconstructed = new Map<string, Float32Array<ArrayBuffer>>();
    for (const tensor of this.tensors) {
      const data = new Float32Array(tensor.shape[0] * tensor.shape[1]);
      for (let index = 0; index < tensor.tokenCount; index++) {
        await yieldToEventLoop();
        operation.signal?.throwIfAborted();
        this.#readToken(tokens, tensor, index, data);
      }
      reconstructed.set(tensor.name, data);
      report((tensor.firstToken + tensor.tokenCount) / this.tokenCount);
    }
    return reconstructed;
  }

  #readToken(tokens: Float32Array, tensor: LayoutTensor, index: number, data: Float32Array): void {
    const [token, chunk] = [this.#token(tensor, index), this.#chunk(tensor, index)];
    const reference = this.#reference(tensor, index);
    if (reference) readResidualToken(tokens, token, reference, data, chunk);
    else readToken(tokens, token, data, chunk);
  }

  /** null for the normalisation 'chunk'. */
  #reference({ offset, shape, firstToken }: LayoutTensor, index: number): Reference | null {
    const residual = this.#residual();
    if (!residual) return null;
    const mean = residual.mean.subarray(offset, offset + shape[0] * shape[1]);
    return { mean, scale: residual.scales[firstToken + index]! };
  }

  #residual(): ResidualStatistics | null {
    if (this.normalisation === 'chunk' || this.residual) return this.residual;
    throw new DndError(
      'INVALID_ARGUMENT',
      "the adapter layout: no mean adapter for the normalisation 'residual'. Make it with withResidual",
    );
  }

  #token(tensor: LayoutTensor, index: number): TokenView {
    const start = (tensor.firstToken + index) * this.tokenHeight * this.tokenWidth;
    return { start, height: this.tokenHeight, width: this.tokenWidth };
  }

  #chunk({ shape, part }: LayoutTensor, index: number): ChunkView {
    const length = part === 'A' ? shape[1] : shape[0];
    const first = index * this.chunk;
    const common = { rows: this.rank, columns: Math.min(this.chunk, length - first) };
    if (part === 'A') return { ...common, start: first, rowStride: length, columnStride: 1 };
    return { ...common, start: first * this.rank, rowStride: 1, columnStride: this.rank };
  }

  #checkTokens(tokens: Float32Array): void {
    if (tokens.length === this.size) return;
    throw new DndError(
      'SHAPE_MISMATCH',
      `the adapter layout has ${this.tokenCount} weight tokens of ${this.tokenHeight}×${this.tokenWidth}, ` +
        `${this.size} elements, not ${tokens.length}`,
    );
  }
}

function notFinite(data: Float32Array, tensor: LayoutTensor): DndError {
  const index = firstNonFinite(data);
  if (index === -1) return new DndError('INVALID_WEIGHTS', `${tensor.name} holds weights too large for a weight token`);
  const [row, column] = [Math.floor(index / tensor.shape[1]), index % tensor.shape[1]];
  return new DndError(
    'INVALID_WEIGHTS',
    `${tensor.name} holds ${data[index]} at [${row}, ${column}]; weights must be finite`,
  );
}
