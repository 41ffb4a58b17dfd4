import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type AdapterLayout, IMPORTANCE_TENSOR } from '../../adapter/index.js';
import { type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { SafetensorsFile, writeSafetensors } from '../../formats/safetensors/index.js';
import { importanceFromSums, meanImportance, TokenDeviations, type TokenSums } from './importance.js';
import { readTensors } from './target.js';
import { RAW_WEIGHTS, type TargetWeights } from './target-weights.js';
import { readTaskImportance } from './task-importance.js';
import { type TensorBlock, tensorBlocks } from './tensor-blocks.js';
import type { ReadWeights, Task } from './types.js';
import { uninformativeTask } from './warnings.js';

export interface ImportanceOptions extends LongOperation {
  /** Cache folder of the result. Default: no cache. */
  cacheFolder?: string | undefined;
  /** Of the weights that become targets. Default: as they are. */
  weights?: TargetWeights | undefined;
}

export interface PairsImportance {
  /** [tokens] of the layout; their mean over all elements is 1. */
  values: Float32Array<ArrayBuffer>;
  /** Messages about uninformative tasks, or a cache that could not be written. */
  warnings: string[];
  /** Whether it was read rather than computed. */
  cached: boolean;
}

/** Changes whenever the computation changes. */
const CACHE_VERSION = 2;

/** Elements accumulated at once, so that any base model fits: 16 bytes each. */
const MOST_ELEMENTS = 2 ** 23;

/**
 * The token importance of the training tasks, from all of their checkpoints: the mean of the tasks' vectors (see
 * `importanceFromSums`); a task may have a vector of its own. A task whose checkpoints are identical is uninformative and skipped; if all are, every token
 * has importance 1. The result is cached in `cacheFolder` by the content of the checkpoints; a damaged cache file is
 * replaced.
 * @throws DndError as `readTensors`; INVALID_PAIRS for no checkpoints; `signal.reason`
 */
export async function importanceOf(
  { tasks: all }: { tasks: readonly Pick<Task, 'name' | 'heldOut' | 'checkpoints' | 'importance'>[] },
  layout: AdapterLayout,
  { cacheFolder, weights = RAW_WEIGHTS, signal, onProgress }: ImportanceOptions = {},
): Promise<PairsImportance> {
  const tasks = all.filter(({ heldOut, checkpoints }) => !heldOut && checkpoints.length > 0);
  if (tasks.length === 0) throw new DndError('INVALID_PAIRS', 'token importance: there are no checkpoints to train on');
  const digest = digestOf(tasks, layout, weights);
  const path =
    cacheFolder === undefined ? undefined : join(cacheFolder, `importance-${digest.slice(0, 16)}.safetensors`);
  const cached = path === undefined ? undefined : await readCache(path, digest, layout.tokenCount);
  const result = cached ?? (await compute(tasks, layout, { weights, signal, onProgress }));
  const warnings = result.silent.map(uninformativeTask);
  if (result.silent.length === tasks.length) warnings.push('token importance is 1 for every token');
  if (path !== undefined && !cached) warnings.push(...(await writeCache(path, digest, result, signal)));
  return { values: result.values, warnings, cached: cached !== undefined };
}

interface Result {
  values: Float32Array<ArrayBuffer>;
  /** Names of uninformative tasks, whose checkpoints do not differ. */
  silent: string[];
}

type CountedTask = Pick<Task, 'name' | 'checkpoints' | 'importance'>;

async function compute(
  tasks: readonly CountedTask[],
  layout: AdapterLayout,
  { weights, signal, onProgress }: LongOperation & { weights: TargetWeights },
): Promise<Result> {
  const blocks = tensorBlocks(layout, MOST_ELEMENTS);
  const computed = tasks.filter(({ importance }) => importance === undefined);
  const total = blocks.length * computed.reduce((sum, { checkpoints }) => sum + checkpoints.length, 0);
  const report = steadyProgress(onProgress);
  const tokens = new Float32Array(layout.size);
  const vectors: Float64Array[] = [];
  const silent: string[] = [];
  let done = 0;
  const advance = () => report(++done / total);
  for (const { name, checkpoints, importance } of tasks) {
    if (importance) {
      vectors.push(await readTaskImportance(importance, layout, weights.digest));
      continue;
    }
    const sums: TokenSums = {
      deviations: new Float64Array(layout.tokenCount),
      counts: new Float64Array(layout.tokenCount),
    };
    for (const block of blocks)
      await addBlock({ checkpoints, layout, block, read: weights.read, tokens, sums, signal, advance });
    const vector = importanceFromSums(sums);
    if (vector) vectors.push(vector);
    else silent.push(name);
  }
  if (total === 0) report(1);
  const mean = vectors.length > 0 ? meanImportance(vectors) : new Float64Array(layout.tokenCount).fill(1);
  return { values: new Float32Array(mean), silent };
}

interface Block {
  checkpoints: Task['checkpoints'];
  layout: AdapterLayout;
  block: TensorBlock;
  read: ReadWeights;
  /** Scratch tokens of the whole layout. */
  tokens: Float32Array;
  /** Receives the sums of the block's tokens. */
  sums: TokenSums;
  signal: AbortSignal | undefined;
  advance: () => void;
}

async function addBlock({ checkpoints, layout, block, read, tokens, sums, signal, advance }: Block): Promise<void> {
  const { tensors, start, end } = block;
  const elements = layout.tokenHeight * layout.tokenWidth;
  const deviations = new TokenDeviations((end - start) / elements, elements);
  for (const checkpoint of checkpoints) {
    await readTensors(checkpoint, layout, tensors, { tokens, read, signal });
    await deviations.add(tokens.subarray(start, end), signal);
    advance();
  }
  const own = await deviations.sums();
  sums.deviations.set(own.deviations, start / elements);
  sums.counts.set(own.counts, start / elements);
}

function digestOf(tasks: readonly CountedTask[], layout: AdapterLayout, { digest }: TargetWeights): string {
  const parts = tasks.map(({ name, checkpoints, importance }) =>
    importance ? [name, 'importance', importance.sha256] : [name, ...checkpoints.map(({ sha256 }) => sha256)],
  );
  const others = [...(layout.residual ? [layout.residual.sha256] : []), ...(digest === null ? [] : [digest])];
  return createHash('sha256')
    .update(JSON.stringify([CACHE_VERSION, layout, parts, ...others]))
    .digest('hex');
}

function sha256(values: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');
}

/** undefined unless written by `writeCache` for these checkpoints. */
async function readCache(path: string, digest: string, tokens: number): Promise<Result | undefined> {
  let file: SafetensorsFile | undefined;
  try {
    file = await SafetensorsFile.open(path);
    if (file.metadata.digest !== digest || file.tensors.get(IMPORTANCE_TENSOR)?.shape.join() !== String(tokens))
      return undefined;
    const values = await file.readFloat32(IMPORTANCE_TENSOR);
    const silent = JSON.parse(file.metadata.silent ?? 'null');
    return sha256(values) === file.metadata.sha256 && Array.isArray(silent) ? { values, silent } : undefined;
  } catch (error) {
    if (error instanceof DndError || error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await file?.close();
  }
}

/** @returns a warning if it cannot be written, which does not fail the run */
async function writeCache(
  path: string,
  digest: string,
  { values, silent }: Result,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const metadata = { digest, sha256: sha256(values), silent: JSON.stringify(silent) };
  const bytes = () => [new Uint8Array(values.buffer)];
  try {
    await writeSafetensors(path, [{ name: IMPORTANCE_TENSOR, dtype: 'F32', shape: [values.length], bytes }], {
      metadata,
      signal,
    });
    return [];
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof DndError)) throw error;
    return [`token importance could not be cached and will be recomputed next time: ${error.message}`];
  }
}
