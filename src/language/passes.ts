import type { BaseModel } from '../adapter/index.js';
import type { CausalEngine, CausalSequences } from '../engine/index.js';
import { DndError } from '../errors.js';
import { type AdapterGroup, type AppliedAdapter, groupByAdapter } from './lora.js';
import type { PromptFormat } from './prompts.js';

/** A language model in memory. */
export interface LoadedModel extends PromptFormat {
  base: BaseModel;
  /** @internal */
  engine: CausalEngine;
}

/** One adapter for every prompt, or one for each, null for none. */
export type Adapters = AppliedAdapter | null | readonly (AppliedAdapter | null)[];

/** Sequences that pass through the engine together. */
export interface SequenceBatch {
  /** Their places among those that were given. */
  places: number[];
  batch: CausalSequences;
}

/** Sequences in one pass, if memory allows. What comes out does not depend on it. */
const MOST_SEQUENCES = 32;

/**
 * Runs `work` on all sequences: grouped by the form of their adapters, and in halves wherever memory does not suffice.
 * @param onSequences called with the number of sequences done, and the fraction of those under way
 * @throws DndError INVALID_ARGUMENT, SHAPE_MISMATCH for adapters; what `work` throws
 */
export async function passAll(
  model: LoadedModel,
  sequences: readonly ArrayLike<number>[],
  adapters: Adapters | undefined,
  work: (batch: SequenceBatch, onProgress: (fraction: number) => void) => Promise<void>,
  onProgress?: (fraction: number) => void,
): Promise<void> {
  let done = 0;
  const pass = async (group: AdapterGroup, first: number, end: number): Promise<void> => {
    const count = end - first;
    try {
      await work(batchOf(sequences, group, first, end), (fraction) =>
        onProgress?.((done + fraction * count) / sequences.length),
      );
      done += count;
    } catch (error) {
      if (count === 1 || !(error instanceof DndError && error.code === 'OUT_OF_MEMORY')) throw error;
      const middle = first + Math.ceil(count / 2);
      await pass(group, first, middle);
      await pass(group, middle, end);
    }
  };
  for (const group of groupByAdapter(oneForEach(adapters, sequences.length), model.base, model.folder))
    for (let first = 0; first < group.places.length; first += MOST_SEQUENCES)
      await pass(group, first, Math.min(first + MOST_SEQUENCES, group.places.length));
}

function oneForEach(adapters: Adapters | undefined, count: number): readonly (AppliedAdapter | null)[] {
  if (!isList(adapters)) return new Array(count).fill(adapters ?? null);
  if (adapters.length === count) return adapters;
  throw new DndError(
    'INVALID_ARGUMENT',
    `there are ${adapters.length} adapters for ${count} prompts; expected one adapter, or one for each prompt (null for none)`,
  );
}

function isList(adapters: Adapters | undefined): adapters is readonly (AppliedAdapter | null)[] {
  return Array.isArray(adapters);
}

function batchOf(
  sequences: readonly ArrayLike<number>[],
  { places, adapterOf, adapters, rank, modules, layers, scale }: AdapterGroup,
  first: number,
  end: number,
): SequenceBatch {
  const own = places.slice(first, end);
  const lengths = own.map((place) => sequences[place]!.length);
  const ids = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  for (const place of own) {
    ids.set(sequences[place]!, offset);
    offset += sequences[place]!.length;
  }
  const lora =
    adapters.length === 0 ? null : { rank, modules, layers, scale, adapters, adapterOf: adapterOf.slice(first, end) };
  return { places: own, batch: { ids, lengths, lora } };
}
