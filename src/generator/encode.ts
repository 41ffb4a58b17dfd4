import { breather, type LongOperation } from '../async.js';
import type { TextEncoder } from '../encoder/index.js';
import type { GeneratorManifest } from './manifest.js';
import type { Choice } from './prompts.js';

export interface EncodedSet {
  /** Tokens of the different prompts that are used, special tokens included. */
  tokens: number;
  /** Indices, in the prompt set, of prompts that were cut. */
  truncated: number[];
}

export interface Conditions {
  /** [batch, prompts, length, channels] */
  states: Float32Array;
  sets: EncodedSet[];
}

/** The event loop gets a turn after so many values are copied. */
const COPY_VALUES = 2 ** 19;

/** Prompt sets → conditions, one after the other. A prompt that is drawn several times is encoded once. */
export async function encodeSets(
  encoder: TextEncoder,
  choices: readonly Choice[],
  condition: GeneratorManifest['condition'],
  { signal, onProgress }: LongOperation,
): Promise<Conditions> {
  const sets: EncodedSet[] = [];
  let states: Float32Array | undefined;
  for (const [place, choice] of choices.entries()) {
    const distinct = [...new Set(choice.indices)];
    const encoded = await encoder.encode(
      distinct.map((index) => choice.prompts[choice.indices.indexOf(index)]!),
      { ...condition, signal, onProgress: (fraction) => onProgress?.((place + fraction) / choices.length) },
    );
    sets.push({
      tokens: encoded.tokens,
      truncated: encoded.truncatedPrompts.map((row) => distinct[row]!).sort((one, other) => one - other),
    });
    if (choices.length === 1 && distinct.length === choice.indices.length) return { states: encoded.states, sets };
    const rowSize = encoded.states.length / distinct.length;
    states ??= new Float32Array(choices.length * choice.indices.length * rowSize);
    const rows = choice.indices.map((index) => distinct.indexOf(index));
    await copyRows(encoded.states, rows, rowSize, states.subarray(place * rows.length * rowSize), signal);
  }
  return { states: states!, sets };
}

async function copyRows(
  from: Float32Array,
  rows: readonly number[],
  rowSize: number,
  to: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const breathe = breather();
  for (const [place, row] of rows.entries()) {
    for (let start = 0; start < rowSize; start += COPY_VALUES) {
      const end = Math.min(start + COPY_VALUES, rowSize);
      to.set(from.subarray(row * rowSize + start, row * rowSize + end), place * rowSize + start);
      await breathe();
      signal?.throwIfAborted();
    }
  }
}
