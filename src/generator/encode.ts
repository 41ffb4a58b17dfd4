import { type LongOperation, valueCopier } from '../async/index.js';
import type { TextEncoder } from '../encoder/index.js';
import type { GeneratorManifest } from './manifest.js';
import type { PromptGroup } from './prompts.js';

export interface EncodedGroup {
  /** Tokens of the distinct prompts used, special tokens included. */
  tokens: number;
  /** Indices, in the prompt set, of truncated prompts. */
  truncated: number[];
}

export interface Conditions {
  /** [batch, prompts, length, channels] */
  hiddenStates: Float32Array;
  groups: EncodedGroup[];
}

/** Groups of prompts → conditions, one after the other. A prompt that is drawn several times is encoded once. */
export async function encodeGroups(
  encoder: TextEncoder,
  groups: readonly PromptGroup[],
  condition: GeneratorManifest['condition'],
  { signal, onProgress }: LongOperation,
): Promise<Conditions> {
  const encodedGroups: EncodedGroup[] = [];
  const copy = valueCopier(signal);
  let hiddenStates: Float32Array | undefined;
  for (const [place, group] of groups.entries()) {
    const distinct = [...new Set(group.indices)];
    const encoded = await encoder.encode(
      distinct.map((index) => group.prompts[group.indices.indexOf(index)]!),
      { ...condition, signal, onProgress: (fraction) => onProgress?.((place + fraction) / groups.length) },
    );
    encodedGroups.push({
      tokens: encoded.tokens,
      truncated: encoded.truncatedPrompts.map((row) => distinct[row]!).sort((one, other) => one - other),
    });
    if (groups.length === 1 && distinct.length === group.indices.length)
      return { hiddenStates: encoded.hiddenStates, groups: encodedGroups };
    const rowSize = encoded.hiddenStates.length / distinct.length;
    hiddenStates ??= new Float32Array(groups.length * group.indices.length * rowSize);
    for (const [row, index] of group.indices.entries()) {
      const from = distinct.indexOf(index) * rowSize;
      const own = encoded.hiddenStates.subarray(from, from + rowSize);
      await copy(own, hiddenStates, (place * group.indices.length + row) * rowSize);
    }
  }
  return { hiddenStates: hiddenStates!, groups: encodedGroups };
}
