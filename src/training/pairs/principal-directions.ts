import type { AdapterLayout } from '../../adapter/index.js';
import { eventLoopYielder, type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import {
  addScaledFloats,
  columnOf,
  scalarProduct,
  signOfLargest,
  symmetricEigen,
  zeros,
} from '../../linear-algebra/index.js';
import { readTensors, readWeights } from './target.js';
import { type TensorBlock, tensorBlocks } from './tensor-blocks.js';
import type { Checkpoint, ReadWeights } from './types.js';

/** The training checkpoints of a task: at least one. */
export interface TaskCheckpoints {
  checkpoints: readonly Pick<Checkpoint, 'name' | 'path'>[];
}

interface DirectionsOptions extends LongOperation {
  /** Default: the weights as they are. */
  read?: ReadWeights | undefined;
  /** Elements of all tasks together that are in memory at once, 4 bytes each. Default: 2²⁶. */
  most?: number | undefined;
}

const MOST_ELEMENTS = 2 ** 26;
/** Elements of every task that are multiplied with each other at once, out of the processor's cache. */
const STRIP = 1024;
/** Directions with a smaller share of the largest one's variance are rounding errors of float32 weights. */
const SMALLEST_SHARE = 1e-10;

/**
 * The directions of weight tokens in which tasks differ most: principal components of the tasks' mean checkpoints about the
 * mean adapter, each task counting the same. They are orthogonal, and scaled such that over the tasks the mean square of each
 * coefficient is 1. By way of the tasks' scalar products, tasks × tasks; two passes over the checkpoints, of which a part is in
 * memory. The sign is that in which the task that has most of a direction has it positive.
 * @param layout with `residual`
 * @returns [count, size of the weight tokens]; zeros where a chunk does not fill its token
 * @throws DndError INVALID_ARGUMENT where the tasks differ in fewer directions; as `readWeights`; `signal.reason`
 */
export async function principalDirections(
  tasks: readonly TaskCheckpoints[],
  layout: AdapterLayout,
  count: number,
  { read = readWeights, most = MOST_ELEMENTS, signal, onProgress }: DirectionsOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const blocks = tensorBlocks(layout, Math.floor(most / tasks.length));
  const report = steadyProgress(onProgress);
  const total = (blocks.length > 1 ? 2 : 1) * blocks.length * tasks.length;
  let done = 0;
  const meansOf = (block: TensorBlock) =>
    taskMeans(tasks, layout, block, { read, signal, advance: () => report(++done / total) });

  const gram = zeros(tasks.length, tasks.length);
  let means: Float32Array[] = [];
  for (const block of blocks) {
    means = await meansOf(block);
    await addProducts(means, gram.values, signal);
  }
  const factors = await factorsOf(gram, count, signal);
  const directions = new Float32Array(count * layout.size);
  for (const block of blocks) {
    // Of a single block they are still there.
    if (blocks.length > 1) means = await meansOf(block);
    for (let i = 0; i < count; i++) {
      const into = directions.subarray(i * layout.size + block.start, i * layout.size + block.end);
      await addCombination(means, factors[i]!, into, signal);
    }
  }
  report(1);
  return directions;
}

/** The tasks' mean checkpoints in the tokens of a block. */
async function taskMeans(
  tasks: readonly TaskCheckpoints[],
  layout: AdapterLayout,
  { tensors, start, end }: TensorBlock,
  { read, signal, advance }: { read: ReadWeights; signal: AbortSignal | undefined; advance: () => void },
): Promise<Float32Array[]> {
  const tokens = new Float32Array(layout.size);
  const own = tokens.subarray(start, end);
  const sums = new Float64Array(end - start);
  const means: Float32Array[] = [];
  const yieldToEventLoop = eventLoopYielder();
  for (const { checkpoints } of tasks) {
    sums.fill(0);
    for (const checkpoint of checkpoints) {
      await readTensors(checkpoint, layout, tensors, { tokens, read, signal });
      addFilled(own, sums);
      await yieldToEventLoop();
    }
    means.push(Float32Array.from(sums, (sum) => sum / checkpoints.length));
    advance();
  }
  return means;
}

/** NaN is where a chunk does not fill its token. */
function addFilled(values: Float32Array, sums: Float64Array): void {
  for (let e = 0; e < sums.length; e++) {
    const value = values[e]!;
    if (!Number.isNaN(value)) sums[e]! += value;
  }
}

/** Adds the scalar products of all rows with each other to a symmetric matrix. */
async function addProducts(
  rows: readonly Float32Array[],
  gram: Float64Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const size = rows.length;
  const yieldToEventLoop = eventLoopYielder();
  for (let start = 0; start < rows[0]!.length; start += STRIP) {
    const strips = rows.map((row) => row.subarray(start, start + STRIP));
    for (let i = 0; i < size; i++) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      for (let j = 0; j <= i; j++) {
        const product = scalarProduct(strips[i]!, strips[j]!);
        gram[i * size + j]! += product;
        if (i !== j) gram[j * size + i]! += product;
      }
    }
  }
}

/** Of each direction what it has of every task. */
async function factorsOf(
  gram: Parameters<typeof symmetricEigen>[0],
  count: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array[]> {
  const tasks = gram.rows;
  const { values, vectors } = await symmetricEigen(gram, { signal });
  const rank = values.filter((value) => value > SMALLEST_SHARE * values[0]!).length;
  if (rank < count)
    throw new DndError(
      'INVALID_ARGUMENT',
      `basis: the mean checkpoints of ${tasks} training tasks differ in ${rank} directions; expected at most as many, got ${count}. ` +
        'Lower it, or add tasks',
    );
  return Array.from({ length: count }, (_, i) => {
    const vector = columnOf(vectors, i);
    const factor = signOfLargest(vector) / Math.sqrt(tasks);
    return vector.map((value) => factor * value);
  });
}

/** into = Σ factors[task] · rows[task] */
async function addCombination(
  rows: readonly Float32Array[],
  factors: Float64Array,
  into: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const yieldToEventLoop = eventLoopYielder();
  const sums = new Float64Array(STRIP);
  for (let start = 0; start < into.length; start += STRIP) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const length = Math.min(STRIP, into.length - start);
    sums.fill(0);
    for (const [task, row] of rows.entries())
      addScaledFloats(factors[task]!, row.subarray(start, start + length), sums);
    into.set(sums.subarray(0, length), start);
  }
}
