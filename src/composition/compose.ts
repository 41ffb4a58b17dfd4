import { type AdapterTensor, LoraAdapter } from '../adapter/index.js';
import { tensorName } from '../adapter/names.js';
import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { type AlignedAdapters, type AlignedModule, alignAdapters, type NamedAdapter } from '../comparison/aligned.js';
import { DndError } from '../errors.js';
import { addScaled, type Matrix, norm, SharedBases, svd, zeros } from '../linear-algebra/index.js';
import { checkOptions, checkWholeNumber, errorMessage, quoteValue } from '../validation/index.js';
import { ComposedAdapter, type ComposedModule } from './composed-adapter.js';
import { composedConfig } from './config.js';

/** An adapter and its weight in a sum. */
export interface WeightedAdapter extends NamedAdapter {
  /** A factor of its ΔW; negative to subtract. */
  weight: number;
}

/** Options of `composeAdapters`. */
export interface ComposeOptions extends LongOperation {
  /** Rank of the result. Default: the largest rank of the adapters. */
  rank?: number | undefined;
}

/** As of adapter layouts. */
const MAX_RANK = 2 ** 13;

/** Relative size of what is left of ΔW − ΔW in float64. */
const CANCELLED = 1e-14;

const WARNING =
  'a weighted sum of adapters is not the union of their skills: changes that overlap add up or cancel. ' +
  'Evaluate the result before using it';

/**
 * The weighted sum Σ wᵢ·ΔWᵢ of adapters of one base, recompressed to a rank: in each module the best approximation of
 * that rank, by a singular value decomposition of the joined factors (Eckart–Young). Computed in float64, without
 * forming ΔW; modules that an adapter lacks count as unchanged by it.
 * @param adapters one or more; a single one is only recompressed
 * @throws DndError SHAPE_MISMATCH for adapters of different bases, INVALID_WEIGHTS for NaN or infinity,
 * INVALID_ARGUMENT for an invalid rank or weight; `signal.reason` after an abort
 */
export async function composeAdapters(
  adapters: readonly WeightedAdapter[],
  options: ComposeOptions = {},
): Promise<ComposedAdapter> {
  const { rank: wanted, signal, onProgress } = checkOptions(options, 'options of composeAdapters');
  checkWholeNumber(wanted, 'the rank of the composed adapter', 1, MAX_RANK);
  const aligned = await alignAdapters(adapters, 1, { signal });
  const weights = checkWeights(adapters);
  const { rank, notes } = rankOf(aligned, wanted);
  const config = composedConfig(
    aligned.names,
    aligned.adapters,
    aligned.modules.map(({ module }) => module),
    rank,
  );
  const report = steadyProgress(onProgress);
  const tensors = new Map<string, AdapterTensor>();
  const modules: ComposedModule[] = [];
  for (const module of aligned.modules) {
    const { a, b, ...composed } = await composeModule(module, weights, rank, signal);
    tensors.set(tensorName(module.module, 'A'), a);
    tensors.set(tensorName(module.module, 'B'), b);
    modules.push(composed);
    report(modules.length / aligned.modules.length);
  }
  const whole = Math.hypot(...modules.map((module) => module.norm));
  const discarded = Math.hypot(...modules.map((module) => module.norm * module.discardedShare));
  return new ComposedAdapter(new LoraAdapter(config, tensors), {
    adapters: aligned.names.map((name, i) => ({ name, weight: weights[i]! })),
    rank,
    norm: whole,
    discardedShare: whole === 0 ? 0 : discarded / whole,
    modules,
    notes: [...aligned.notes, ...notes, ...(whole === 0 ? ['the sum is 0: the adapter changes nothing'] : [])],
    warning: WARNING,
  });
}

function checkWeights(adapters: readonly WeightedAdapter[]): number[] {
  const weights = adapters.map(({ name, weight }) => {
    if (typeof weight === 'number' && Number.isFinite(weight)) return weight;
    const what = `the weight of ${name}`;
    throw new DndError(
      'INVALID_ARGUMENT',
      errorMessage({ what, problem: 'is not valid', expected: 'a finite number', shown: quoteValue(weight) }),
    );
  });
  if (weights.some((weight) => weight !== 0)) return weights;
  throw new DndError('INVALID_ARGUMENT', 'the weights of the adapters are all 0, and so would be their sum');
}

/** More than the sum of all ranks would only add zeros. */
function rankOf({ adapters, modules }: AlignedAdapters, wanted: number | undefined): { rank: number; notes: string[] } {
  const ranks = (of: (ranks: number[]) => number) =>
    Math.max(...modules.map(({ updates }) => of(updates.map((update) => update?.rank ?? 0))));
  const most = ranks((all) => all.reduce((sum, rank) => sum + rank, 0));
  const rank = wanted ?? ranks((all) => Math.max(...all));
  if (rank <= most) return { rank, notes: [] };
  const whose = adapters.length === 1 ? 'its rank is' : 'their ranks together are';
  return {
    rank: most,
    notes: [`rank ${rank} would add only zeros, since ${whose} ${most}: the result has rank ${most}`],
  };
}

async function composeModule(
  { module, inputWidth, outputWidth, updates }: AlignedModule,
  weights: readonly number[],
  rank: number,
  signal: AbortSignal | undefined,
): Promise<ComposedModule & { a: AdapterTensor; b: AdapterTensor }> {
  const present = updates.flatMap((update, i) => (update === null ? [] : [{ update, weight: weights[i]! }]));
  const bases = await SharedBases.of(
    present.map(({ update }) => update),
    { signal },
  );
  const sum = zeros(bases.cores[0]!.rows, bases.cores[0]!.columns);
  for (const [i, { weight }] of present.entries()) addScaled(weight, bases.cores[i]!.values, sum.values);
  const parts = present.reduce((total, { weight }, i) => total + Math.abs(weight) * norm(bases.cores[i]!.values), 0);
  // Changes that cancel leave rounding errors, which would be taken for directions.
  if (norm(sum.values) <= CANCELLED * parts) sum.values.fill(0);
  const { values, left, right } = await svd(sum, { signal });
  // Half of each singular value on either side, so that neither A nor B leaves the range of a short dtype.
  const b = await bases.timesLeft(scaledColumns(left, values, rank), { signal });
  const a = await bases.timesRight(scaledColumns(right, values, rank), { signal });
  const whole = norm(values);
  return {
    module,
    norm: whole,
    discardedShare: whole === 0 ? 0 : norm(values.slice(rank)) / whole,
    a: { shape: [rank, inputWidth], data: columnsAsRows(a, rank) },
    b: { shape: [outputWidth, rank], data: await rowMajor(b, rank) },
  };
}

function scaledColumns(matrix: Matrix, values: Float64Array, rank: number): Matrix {
  const columns = Math.min(rank, values.length);
  const result = zeros(matrix.rows, columns);
  for (let i = 0; i < result.values.length; i++)
    result.values[i] = matrix.values[i]! * Math.sqrt(values[Math.floor(i / matrix.rows)]!);
  return result;
}

/** [rank, rows], zeros where the matrix has fewer columns. */
function columnsAsRows({ rows, values }: Matrix, rank: number): Float32Array {
  const result = new Float32Array(rank * rows);
  result.set(values);
  return result;
}

/** [rows, rank], zeros where the matrix has fewer columns. */
async function rowMajor({ rows, columns, values }: Matrix, rank: number): Promise<Float32Array> {
  const result = new Float32Array(rows * rank);
  const yieldToEventLoop = eventLoopYielder();
  for (let j = 0; j < columns; j++) {
    await yieldToEventLoop();
    for (let i = 0; i < rows; i++) result[i * rank + j] = values[j * rows + i]!;
  }
  return result;
}
