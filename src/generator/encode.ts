import { type LongOperation, valueCopier } from '../async/index.js';
import type { TextEncoder } from '../encoder/index.js';
import type { GeneratorManifest } from './manifest.js';
import type { Choice } from './prompts.js';

export interface EncodedSet {
  /** Tokens of the distinct prompts used, special tokens included. */
  tokens: number;
  /** Indices, in the prompt set, of truncated prompts. */
  truncated: number[];
}

export interface Conditions {
  /** [batch, prompts, length, channels] */
  hiddenStates: Float32Array;
  sets: EncodedSet[];
}

/** Prompt sets → conditions, one after the other. A prompt that is drawn several times is encoded once. */
export async function encodeSets(
  encoder: TextEncoder,
  choices: readonly Choice[],
  condition: GeneratorManifest['condition'],
  { signal, onProgress }: LongOperation,
): Promise<Conditions> {
  const sets: EncodedSet[] = [];
  const copy = valueCopier(signal);
  let hiddenStates: Float32Array | undefined;
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
    if (choices.length === 1 && distinct.length === choice.indices.length)
      return { hiddenStates: encoded.hiddenStates, sets };
    const rowSize = encoded.hiddenStates.length / distinct.length;
    hiddenStates ??= new Float32Array(choices.length * choice.indices.length * rowSize);
    for (const [row, index] of choice.indices.entries()) {
      const from = distinct.indexOf(index) * rowSize;
      const own = encoded.hiddenStates.subarray(from, from + rowSize);
      await copy(own, hiddenStates, (place * choice.indices.length + row) * rowSize);
    }
  }
  return { hiddenStates: hiddenStates!, sets };
}
