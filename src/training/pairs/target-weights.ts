import { createHash } from 'node:crypto';
import { type AdapterLayout, type LayoutTensor, type MatrixPair, matrixPairs } from '../../adapter/index.js';
import { DndError } from '../../errors.js';
import {
  alignedFactors,
  type Cancellable,
  canonicalFactors,
  type Factors,
  type LowRank,
} from '../../linear-algebra/index.js';
import { readElements, readWeights } from './target.js';
import type { Pairs, ReadWeights } from './types.js';

/**
 * What a checkpoint is as a target. 'raw': its matrices as they are. 'canonical': the form of each product B·A that depends
 * on nothing else. 'aligned': of all forms with balanced factors the one closest to the adapter that every task starts
 * from. 'delta': the products themselves, whatever their factors; weights are read as they are.
 */
export const TARGETS = ['raw', 'canonical', 'aligned', 'delta'] as const;
export type TargetKind = (typeof TARGETS)[number];

/** How the weights of checkpoints are read, wherever they become targets or statistics of targets. */
export interface TargetWeights {
  read: ReadWeights;
  /** Of what changes the weights, to tell caches apart; null: they are those of the files. */
  digest: string | null;
}

export const RAW_WEIGHTS: TargetWeights = { read: readWeights, digest: null };

/**
 * @param layout of the pairs; its normalisation does not matter
 * @throws DndError INVALID_PAIRS for 'aligned' without a start in pairs.json; as `readWeights`; `signal.reason`
 */
export async function targetWeights(
  targets: TargetKind,
  { folder, start }: Pick<Pairs, 'folder' | 'start'>,
  layout: AdapterLayout,
  signal?: AbortSignal | undefined,
): Promise<TargetWeights> {
  if (targets === 'raw' || targets === 'delta') return RAW_WEIGHTS;
  const canonical = readerOf(layout, (product, _, options) => canonicalFactors(product, options));
  if (targets === 'canonical') return { read: canonical, digest: targets };
  if (!start)
    throw new DndError(
      'INVALID_PAIRS',
      `pairs folder ${folder}: targets 'aligned' are aligned with the adapter that every task starts from, and pairs.json names none. Add start to it, or train with targets 'canonical'`,
    );
  const reference = await readElements(start, layout, { read: canonical, signal });
  return {
    read: readerOf(layout, (product, pair, options) => alignedFactors(product, factorsOf(reference, pair), options)),
    digest: createHash('sha256')
      .update(JSON.stringify([targets, start.sha256]))
      .digest('hex'),
  };
}

type Reform = (product: LowRank, pair: MatrixPair, options: Cancellable) => Promise<Factors>;

/** Reads with both matrices of each module in another form. They must be read together. */
function readerOf(layout: AdapterLayout, reform: Reform): ReadWeights {
  const pairs = new Map(
    matrixPairs(layout.tensors).flatMap((pair) => [pair.a, pair.b].map(({ name }) => [name, pair])),
  );
  return async (checkpoint, tensors, take, signal) => {
    const waiting = new Map<MatrixPair, Float32Array>();
    const reformed = async (data: Float32Array, { name, part }: LayoutTensor) => {
      const pair = pairs.get(name)!;
      const other = waiting.get(pair);
      if (!other) {
        waiting.set(pair, data.slice());
        return;
      }
      waiting.delete(pair);
      const { a, b } = pair;
      const [[rows, rank], [, columns]] = [b.shape, a.shape];
      const [left, right] = part === 'B' ? [data, other] : [other, data];
      const factors = await reform({ rows, columns, rank, scale: 1, left, right }, pair, { signal });
      await take(factors.right, a);
      await take(factors.left, b);
    };
    await readWeights(checkpoint, tensors, reformed, signal);
  };
}

/** Views of the two matrices in an adapter, [elementCount]. */
function factorsOf(adapter: Float32Array, { a, b }: MatrixPair): Factors {
  const [left, right] = [b, a].map(({ offset, shape }) => adapter.subarray(offset, offset + shape[0] * shape[1]));
  return { left: left!, right: right! };
}
