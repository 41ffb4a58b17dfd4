import { DndError } from '../errors.js';
import { selectPrompts } from '../prompts/index.js';

/** A prompt set, and the prompts that the generator will see of it. */
export interface Choice {
  name: string;
  given: number;
  /** As many as the generator wants, in its order. */
  prompts: string[];
  /** Where each came from in the prompt set. */
  indices: number[];
  dropped: number;
  repeated: number;
}

/**
 * Checks a prompt set and takes as many prompts as the generator wants.
 * @throws DndError INVALID_PROMPTS
 */
export function choosePrompts(name: string, prompts: unknown, wanted: number, seed: number): Choice {
  const where = name === '' ? 'the prompt set' : `prompt set '${name}'`;
  if (!Array.isArray(prompts))
    throw new DndError('INVALID_PROMPTS', `${where} must be an array of texts, not ${typeof prompts}`);
  if (prompts.length === 0) throw new DndError('INVALID_PROMPTS', `${where} is empty; give at least one prompt`);
  for (const [index, prompt] of prompts.entries()) {
    if (typeof prompt !== 'string')
      throw new DndError(
        'INVALID_PROMPTS',
        `${where}: prompt ${index + 1} must be a text, not ${prompt === null ? 'null' : typeof prompt}`,
      );
    if (prompt.trim() === '')
      throw new DndError('INVALID_PROMPTS', `${where}: prompt ${index + 1} is empty; leave it out or fill it in`);
  }
  return { name, given: prompts.length, ...selectPrompts(prompts, wanted, seed) };
}

/** Name–prompts pairs, from a record or any iterable of pairs. */
export type PromptSets = Readonly<Record<string, readonly string[]>> | Iterable<readonly [string, readonly string[]]>;

/** @throws DndError INVALID_PROMPTS when `sets` is something else */
export function promptSetEntries(sets: PromptSets): (readonly [string, readonly string[]])[] {
  if (typeof sets !== 'object' || sets === null)
    throw new DndError(
      'INVALID_PROMPTS',
      'the prompt sets must be an object of name: prompts, or an iterable of [name, prompts]',
    );
  if (!(Symbol.iterator in sets)) return Object.entries(sets);
  const entries = [...sets];
  for (const entry of entries)
    if (!Array.isArray(entry) || typeof entry[0] !== 'string')
      throw new DndError('INVALID_PROMPTS', 'an iterable of prompt sets must give pairs [name, prompts]');
  return entries;
}
