import { isAbsolute } from 'node:path';
import { DndError } from '../errors.js';
import { selectPrompts } from '../prompts/index.js';
import { errorMessage, quote } from '../validation/index.js';

/** A prompt set, and the prompts selected from it. */
export interface Choice {
  name: string;
  given: number;
  /** As many as the generator takes, in its order. */
  prompts: string[];
  /** Index of each in the prompt set. */
  indices: number[];
  dropped: number;
  repeated: number;
}

/**
 * Checks a prompt set and selects as many prompts as the generator takes.
 * @throws DndError INVALID_PROMPTS
 */
export function choosePrompts(name: string, prompts: unknown, wanted: number, seed: number): Choice {
  const where = name === '' ? 'the prompt set' : `prompt set ${quote(name)}`;
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

/** A name and the prompts of one task. */
export type PromptSet = readonly [name: string, prompts: readonly string[]];

/** Name–prompts pairs, from a record, or from any iterable or async iterable of pairs. */
export type PromptSets = Readonly<Record<string, readonly string[]>> | Iterable<PromptSet> | AsyncIterable<PromptSet>;

/**
 * All prompt sets, read to the end.
 * @throws DndError INVALID_PROMPTS if `sets` is anything else; INVALID_ARGUMENT for a name that is not a valid folder
 * name; `signal.reason`
 */
export async function promptSetEntries(sets: PromptSets, signal?: AbortSignal): Promise<PromptSet[]> {
  if (typeof sets !== 'object' || sets === null)
    throw new DndError(
      'INVALID_PROMPTS',
      'the prompt sets must be an object of name: prompts, or an iterable of [name, prompts]',
    );
  const iterable = Symbol.iterator in sets || Symbol.asyncIterator in sets;
  const entries: PromptSet[] = [];
  for await (const entry of iterable ? sets : Object.entries(sets)) {
    signal?.throwIfAborted();
    if (!Array.isArray(entry) || typeof entry[0] !== 'string')
      throw new DndError('INVALID_PROMPTS', 'an iterable of prompt sets must give pairs [name, prompts]');
    checkSetName(entry[0]);
    entries.push(entry as unknown as PromptSet);
  }
  return entries;
}

/** Callers save each adapter under its name: `../other` must not escape their folder. */
function checkSetName(name: string): void {
  const parts = name.split(/[/\\]/);
  const inside = !isAbsolute(name) && !name.includes('\0') && parts.every((part) => !['', '.', '..'].includes(part));
  if (inside) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    errorMessage({
      what: 'the name of a prompt set',
      problem: 'does not stay inside a folder',
      expected: "a name without empty parts, '.' or '..'",
      got: name,
    }),
  );
}
