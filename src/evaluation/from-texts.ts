import type { GeneratedAdapter } from '../generator/generated-adapter.js';
import type { Generator } from '../generator/generator.js';
import type { AppliedAdapter } from '../language/index.js';
import { selectPrompts } from '../prompts/index.js';
import { meanAdapter } from './adapters.js';

interface DrawOptions {
  draws: number;
  /** Of the first draw; the others count on from it. */
  seed: number;
  signal: AbortSignal | undefined;
}

/**
 * Adapters of a task from `count` of its texts, or from all if there are no more: one for each draw, or one alone where
 * there is nothing to draw. More texts than the generator takes are divided into groups as equal as possible, and the mean
 * of the adapters of these counts. Errors: as `Generator.generate`
 */
export async function adaptersFrom(
  generator: Pick<Generator, 'generate' | 'promptsWanted'>,
  texts: readonly string[],
  count: number,
  { draws, seed, signal }: DrawOptions,
): Promise<AppliedAdapter[]> {
  const used = Math.min(count, texts.length);
  const adapters: AppliedAdapter[] = [];
  for (let draw = 0; draw < (texts.length > used ? draws : 1); draw++) {
    const chosen = selectPrompts(texts, used, seed + draw).prompts;
    const parts: GeneratedAdapter[] = [];
    for (const group of evenGroups(chosen, Math.ceil(used / generator.promptsWanted)))
      parts.push(await generator.generate(group, { seed: seed + draw, signal }));
    adapters.push(parts.length === 1 ? parts[0]! : meanAdapter(parts));
  }
  return adapters;
}

/** Consecutive groups whose sizes differ by one at most. */
function evenGroups<T>(list: readonly T[], count: number): T[][] {
  const start = (group: number) => Math.floor((group * list.length) / count);
  return Array.from({ length: count }, (_, group) => list.slice(start(group), start(group + 1)));
}
