import { isAbsolute } from 'node:path';
import { DndError } from '../errors.js';
import { selectPrompts } from '../prompts/index.js';
import { SplitMix64 } from '../random/split-mix.js';
import { errorMessage, quote } from '../validation/index.js';

/** Prompts of one condition. */
export interface PromptGroup {
  /** As many as the generator takes, in its order. */
  prompts: string[];
  /** Index of each in the prompt set. */
  indices: number[];
}

/** A prompt set, and the prompts selected from it. */
export interface Choice {
  name: string;
  given: number;
  /** One, or several whose adapters are averaged. */
  groups: PromptGroup[];
  dropped: number;
  repeated: number;
}

interface ChoiceOptions {
  /** Number of prompts that the generator takes. */
  wanted: number;
  seed: number;
  /** Of more prompts than the generator takes: use all of them, in groups. */
  all: boolean;
}

/**
 * Checks a prompt set and selects as many prompts as the generator takes, or divides all of them into groups.
 * @throws DndError INVALID_PROMPTS
 */
export function choosePrompts(name: string, prompts: unknown, { wanted, seed, all }: ChoiceOptions): Choice {
  checkPrompts(name, prompts);
  const given = prompts.length;
  if (all && given > wanted) return { name, given, ...groupsOfAll(prompts, wanted, seed) };
  const { dropped, repeated, ...group } = selectPrompts(prompts, wanted, seed);
  return { name, given, groups: [group], dropped, repeated };
}

/**
 * Every prompt once, in random order, in as few groups as hold them. Their sizes differ by one at most, and each is filled
 * up as a small prompt set is.
 */
function groupsOfAll(prompts: readonly string[], wanted: number, seed: number): Omit<Choice, 'name' | 'given'> {
  const { length } = prompts;
  const order = SplitMix64.seeded(seed).sample(length, length);
  const count = Math.ceil(length / wanted);
  const start = (group: number) => Math.floor((group * length) / count);
  let repeated = 0;
  const groups = Array.from({ length: count }, (_, group) => {
    const own = order.slice(start(group), start(group + 1));
    const selected = selectPrompts(
      own.map((index) => prompts[index]!),
      wanted,
      seed,
    );
    repeated += selected.repeated;
    return { prompts: selected.prompts, indices: selected.indices.map((place) => own[place]!) };
  });
  return { groups, dropped: 0, repeated };
}

function checkPrompts(name: string, prompts: unknown): asserts prompts is string[] {
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
