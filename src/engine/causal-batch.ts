import { DndError } from '../errors.js';
import type { CausalBatch, LoraBatch } from './native-language.js';

/** Sequences of token ids for a causal language model. Must not change until the work's end. */
export interface CausalSequences {
  /** Of all sequences, one after the other. */
  ids: Int32Array;
  /** Tokens of each sequence. */
  lengths: readonly number[];
  /** Default: no adapters. */
  lora?: SequenceAdapters | null | undefined;
}

/** LoRA adapters of a batch: all of one shape, a different one for each sequence if wanted. */
export interface SequenceAdapters {
  rank: number;
  /** Of MODULES, in its order. */
  modules: readonly string[];
  /** Ascending. */
  layers: readonly number[];
  /** alpha / rank, or alpha / √rank with rank-stabilised scaling. */
  scale: number;
  /** Each in the order of an AdapterLayout, [elementCount]. */
  adapters: readonly Float32Array[];
  /**
   * One for each adapter, in the same form: whose predictions the gradient of the adapters compares theirs with. Only
   * `adapterGradients` reads them. Default: none, labels are what is predicted.
   */
  teachers?: readonly Float32Array[] | undefined;
  /** Which of the adapters each sequence uses; −1 = none. */
  adapterOf: readonly number[];
}

/** In Hugging Face's convention: a label that counts for nothing. */
export const IGNORED_LABEL = -100;

/** The batch as the addon takes it. */
export function nativeBatch({ ids, lengths, lora }: CausalSequences): CausalBatch {
  return { ids, lengths: [...lengths], lora: lora ? nativeLora(lora) : null };
}

function nativeLora(lora: SequenceAdapters): LoraBatch {
  const { rank, modules, layers, scale, adapters, teachers = [], adapterOf } = lora;
  return {
    ...{ rank, scale },
    modules: [...modules],
    layers: [...layers],
    adapters: [...adapters],
    teachers: [...teachers],
    adapterOf: [...adapterOf],
  };
}

/** Labels that are not ignored, of each sequence; nothing predicts the first. */
export function labelledCounts(lengths: readonly number[], labels: Int32Array): number[] {
  let first = 0;
  return lengths.map((length) => {
    const counted = labels
      .subarray(first + 1, first + length)
      .reduce((n, label) => n + Number(label !== IGNORED_LABEL), 0);
    first += length;
    return counted;
  });
}

/** Sequences [begin, end) of a batch. */
export function sliceOf(batch: CausalSequences, begin: number, end: number): CausalSequences {
  const tokens = (sequences: number) => batch.lengths.slice(0, sequences).reduce((sum, length) => sum + length, 0);
  const { lora } = batch;
  return {
    ids: batch.ids.subarray(tokens(begin), tokens(end)),
    lengths: batch.lengths.slice(begin, end),
    lora: lora ? { ...lora, adapterOf: lora.adapterOf.slice(begin, end) } : null,
  };
}

/** @throws DndError INVALID_ARGUMENT unless there are sequences, and the lengths are those of the ids */
export function checkLengths({ ids, lengths }: CausalSequences): void {
  if (lengths.length === 0) throw new DndError('INVALID_ARGUMENT', 'a batch needs at least one sequence');
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  if (tokens === ids.length) return;
  throw new DndError('INVALID_ARGUMENT', `ids: there are ${ids.length}; expected ${tokens}, the sum of the lengths`);
}

/** @throws DndError INVALID_ARGUMENT unless there is one label for each id */
export function checkLabels({ ids }: CausalSequences, labels: Int32Array): void {
  if (labels.length === ids.length) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `labels: there are ${labels.length}; expected one for each of ${ids.length} token ids`,
  );
}
