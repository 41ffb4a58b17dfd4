import {
  type AdapterLayout,
  type BaseModel,
  MODULES,
  type ModuleName,
  type Normalisation,
} from '../../adapter/index.js';
import { eventLoopYielder } from '../../async/index.js';
import { loadTokenCounter, type TokenCounter } from '../../encoder/index.js';
import { DndError } from '../../errors.js';
import { importanceOf, type PairsImportance } from './importance-of.js';
import { type OpenPairsOptions, openPairs, pairsLayout } from './open.js';
import { residualOf } from './residual-of.js';
import { type TargetKind, targetWeights } from './target-weights.js';
import type { CheckpointProblem, Pairs, PairsAdapter, Task } from './types.js';
import { type Duplicates, duplicatesOf } from './warnings.js';

export interface PairsStatisticsOptions extends Omit<OpenPairsOptions, 'onProgress'> {
  /** Folder of a text encoder, or 'hash': prompt lengths are counted in its tokens. Its weights are not read. */
  encoder?: string | undefined;
  /** Maximum tokens per prompt. Default: the encoder's window, if it has one. */
  maxLength?: number | undefined;
  /** Columns per weight token. Default: derived from the base model. */
  chunk?: number | undefined;
  /** Of the weight tokens whose importance is given; mean and scales are those of all training tasks. Default: 'chunk'. */
  normalisation?: Normalisation | undefined;
  /** What checkpoints are as targets, of whose weight tokens the importance is given. Default: 'raw'. */
  targets?: TargetKind | undefined;
  onProgress?: ((fraction: number, stage: 'pairs' | 'normalisation' | 'importance') => void) | undefined;
}

/** Minimum, median and maximum. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

export interface TaskStatistics {
  name: string;
  heldOut: boolean;
  prompts: number;
  /** Prompts with a response. */
  responses: number;
  /** Repetitions of earlier prompts. */
  repeatedPrompts: number;
  /** Of prompts, in `lengthUnit`s. */
  length: Spread;
  /** Prompts longer than `maxLength`; null without an encoder or a limit. */
  cutPrompts: number | null;
  checkpoints: number;
  /** Skipped checkpoints. */
  skipped: number;
  bytes: number;
  /** Over the checkpoints: √Σw², and the standard deviation of all weights; null without any. */
  norm: Spread | null;
  standardDeviation: Spread | null;
}

export interface PairsStatistics {
  folder: string;
  digest: string;
  base: BaseModel | null;
  adapter: PairsAdapter;
  weightTokens: { count: number; height: number; width: number; chunk: number; normalisation: Normalisation };
  layers: number;
  /** Of each module: the shapes of A and B. */
  shapes: { module: ModuleName; a: readonly number[]; b: readonly number[] }[];
  lengthUnit: 'tokens' | 'characters';
  /** The encoder's positions; null without an encoder or a limit. */
  window: number | null;
  maxLength: number | null;
  tasks: TaskStatistics[];
  /** null where no training task has checkpoints. */
  importance: ImportanceStatistics | null;
  duplicates: Duplicates[];
  skipped: readonly CheckpointProblem[];
  warnings: string[];
}

export interface ImportanceStatistics extends Spread {
  /** Mean over the tokens of each module in all layers, and of each layer in all modules; largest first. */
  modules: { module: ModuleName; importance: number }[];
  layers: { layer: number; importance: number }[];
}

/**
 * Statistics of a pairs folder.
 * @throws DndError as `openPairs`, `importanceOf`, `loadTokenCounter`; INVALID_ARGUMENT for a maximum length without an
 * encoder; `signal.reason`
 */
export async function pairsStatistics(folder: string, options: PairsStatisticsOptions = {}): Promise<PairsStatistics> {
  const { encoder, signal, onProgress } = options;
  if (options.maxLength !== undefined && encoder === undefined)
    throw new DndError('INVALID_ARGUMENT', 'maxLength (--max-length) requires an encoder (--encoder)');
  const counter = encoder === undefined ? null : await loadTokenCounter(encoder);
  const pairs = await openPairs(folder, { ...options, onProgress: (fraction) => onProgress?.(fraction, 'pairs') });
  const training = pairs.tasks.filter(({ heldOut }) => !heldOut).flatMap(({ checkpoints }) => checkpoints);
  const plain = pairsLayout(pairs, options.chunk, options.normalisation);
  const weights = await targetWeights(options.targets ?? 'raw', pairs, plain, signal);
  const layout =
    training.length === 0
      ? plain
      : await residualOf(training, plain, {
          read: weights.read,
          signal,
          onProgress: (fraction) => onProgress?.(fraction, 'normalisation'),
        });
  const window = counter && Number.isFinite(counter.maxWindow) ? counter.maxWindow : null;
  const maxLength = options.maxLength ?? window;
  const tasks: TaskStatistics[] = [];
  for (const task of pairs.tasks) tasks.push(await taskStatistics(task, pairs, { counter, maxLength, signal }));
  const importance =
    training.length === 0
      ? null
      : await importanceOf(pairs, layout, {
          weights,
          signal,
          onProgress: (fraction) => onProgress?.(fraction, 'importance'),
        });
  return {
    folder,
    digest: pairs.digest,
    base: pairs.base,
    adapter: pairs.adapter,
    weightTokens: {
      count: layout.tokenCount,
      height: layout.tokenHeight,
      width: layout.tokenWidth,
      chunk: layout.chunk,
      normalisation: layout.normalisation,
    },
    layers: layout.layers.length,
    shapes: shapesOf(layout),
    lengthUnit: counter ? 'tokens' : 'characters',
    window,
    maxLength,
    tasks,
    importance: importance && importanceStatistics(importance, layout),
    duplicates: duplicatesOf(pairs.tasks),
    skipped: pairs.skipped,
    warnings: [...new Set([...pairs.warnings, ...(importance?.warnings ?? [])])],
  };
}

interface Counting {
  counter: TokenCounter | null;
  maxLength: number | null;
  signal: AbortSignal | undefined;
}

async function taskStatistics(
  { name, heldOut, items, checkpoints }: Task,
  { skipped }: Pairs,
  { counter, maxLength, signal }: Counting,
): Promise<TaskStatistics> {
  const yieldToEventLoop = eventLoopYielder();
  const lengths: number[] = [];
  for (const { prompt } of items) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    lengths.push(counter ? await counter.count(prompt, signal) : prompt.length);
  }
  return {
    name,
    heldOut,
    prompts: items.length,
    responses: items.filter(({ response }) => response !== '').length,
    repeatedPrompts: items.length - new Set(items.map(({ prompt }) => prompt)).size,
    length: spreadOf(lengths),
    cutPrompts: counter && maxLength !== null ? lengths.filter((length) => length > maxLength).length : null,
    checkpoints: checkpoints.length,
    skipped: skipped.filter(({ task }) => task === name).length,
    bytes: checkpoints.reduce((sum, { bytes }) => sum + bytes, 0),
    norm: spreadOfAny(checkpoints.map(({ weights }) => weights.norm)),
    standardDeviation: spreadOfAny(checkpoints.map(({ weights }) => weights.standardDeviation)),
  };
}

function spreadOfAny(values: readonly number[]): Spread | null {
  return values.length === 0 ? null : spreadOf(values);
}

/** @param values at least one */
export function spreadOf(values: ArrayLike<number>): Spread {
  const sorted = Float64Array.from(values).sort();
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)! };
}

function shapesOf(layout: AdapterLayout): PairsStatistics['shapes'] {
  return MODULES.filter(({ name }) => layout.modules.includes(name)).map(({ name: module }) => {
    const [a, b] = (['A', 'B'] as const).map(
      (part) => layout.tensors.find((tensor) => tensor.module === module && tensor.part === part)!.shape,
    );
    return { module, a: a!, b: b! };
  });
}

function importanceStatistics({ values }: PairsImportance, layout: AdapterLayout): ImportanceStatistics {
  return {
    ...spreadOf(values),
    modules: meansBy(values, layout, ({ module }) => module).map(([module, importance]) => ({ module, importance })),
    layers: meansBy(values, layout, ({ layer }) => layer).map(([layer, importance]) => ({ layer, importance })),
  };
}

/** The mean token importance of each group of tensors, largest first. */
function meansBy<Key>(
  values: Float32Array,
  layout: AdapterLayout,
  keyOf: (tensor: AdapterLayout['tensors'][number]) => Key,
): [Key, number][] {
  const groups = new Map<Key, { sum: number; tokens: number }>();
  for (const tensor of layout.tensors) {
    const group = groups.get(keyOf(tensor)) ?? { sum: 0, tokens: 0 };
    const own = values.subarray(tensor.firstToken, tensor.firstToken + tensor.tokenCount);
    for (const value of own) group.sum += value;
    group.tokens += own.length;
    groups.set(keyOf(tensor), group);
  }
  return Array.from(groups, ([key, { sum, tokens }]): [Key, number] => [key, sum / tokens]).sort((a, b) => b[1] - a[1]);
}
