import type { Generator } from '../generator/generator.js';
import type { AppliedAdapter } from '../language/index.js';
import { selectPrompts } from '../prompts/index.js';

interface DrawOptions {
  draws: number;
  /** Of the first draw; the others count on from it. */
  seed: number;
  signal: AbortSignal | undefined;
}

/**
 * Adapters of a task from `count` of its texts, or from all if there are no more: one for each draw, or one alone where
 * there is nothing to draw. Errors: as `Generator.generate`, which averages where `count` is more than a condition takes
 */
export async function adaptersFrom(
  generator: Pick<Generator, 'generate'>,
  texts: readonly string[],
  count: number,
  { draws, seed, signal }: DrawOptions,
): Promise<AppliedAdapter[]> {
  const used = Math.min(count, texts.length);
  const adapters: AppliedAdapter[] = [];
  for (let draw = 0; draw < (texts.length > used ? draws : 1); draw++) {
    const own = seed + draw;
    const { prompts } = selectPrompts(texts, used, own);
    adapters.push(await generator.generate(prompts, { seed: own, allPrompts: true, signal }));
  }
  return adapters;
}
