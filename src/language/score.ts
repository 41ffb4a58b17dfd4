import type { LanguageModel } from './language-model.js';
import type { Likelihood } from './likelihood.js';
import type { AppliedAdapter } from './lora.js';
import type { Example } from './prompts.js';

/** How well one adapter does on one task. */
export interface Score {
  /** Share of the test items whose answer is exactly the response, leading and trailing white space aside. */
  exactMatch: number;
  /** Mean log-likelihood of a token of the responses, in nats; end tokens are counted. */
  logLikelihood: number;
}

/** What an evaluation needs of a language model: greedy answers, and how likely it finds the right ones. */
export type AnsweringModel = Pick<LanguageModel, 'generate' | 'logLikelihood'>;

/** An adapter to try on a task; null for the base alone. */
export interface Trial {
  task: { test: readonly Example[] };
  adapter: AppliedAdapter | null;
}

export interface ScoreOptions {
  maxNewTokens: number;
  system?: string | undefined;
  raw?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** Test items that are answered in one call: enough to fill passes, with few adapters in memory at once. */
const ITEMS_TOGETHER = 64;

/**
 * The scores of trials, in their order. Items of several trials are answered together, each with its own adapter; no
 * answer depends on the others.
 * @param onTrials called with the number of trials that are done after each call of the model
 * @throws DndError as `LanguageModel.generate` and `logLikelihood`; `signal.reason`
 */
export async function scoresOf(
  model: AnsweringModel,
  trials: readonly Trial[],
  options: ScoreOptions,
  onTrials?: (done: number) => void,
): Promise<Score[]> {
  const scores: Score[] = [];
  while (scores.length < trials.length) {
    const together: Trial[] = [];
    let items = 0;
    for (const trial of trials.slice(scores.length)) {
      if (items > 0 && items + trial.task.test.length > ITEMS_TOGETHER) break;
      together.push(trial);
      items += trial.task.test.length;
    }
    scores.push(...(await scoreTogether(model, together, options)));
    onTrials?.(scores.length);
  }
  return scores;
}

async function scoreTogether(
  model: AnsweringModel,
  trials: readonly Trial[],
  { maxNewTokens, ...options }: ScoreOptions,
): Promise<Score[]> {
  const items = trials.flatMap(({ task }) => task.test);
  const adapters = trials.flatMap(({ task, adapter }) => task.test.map(() => adapter));
  const likelihoods = await model.logLikelihood(items, { ...options, adapters });
  const right = items.map(({ response }, place) => isRight(response, likelihoods[place]!, maxNewTokens));
  const open = right.flatMap((known, place) => (known === undefined ? [place] : []));
  if (open.length > 0) {
    const answers = await model.generate(
      open.map((place) => items[place]!.prompt),
      { ...options, adapters: open.map((place) => adapters[place]!), maxNewTokens },
    );
    for (const [index, place] of open.entries())
      right[place] = answers[index]!.trim() === items[place]!.response.trim();
  }
  let first = 0;
  return trials.map(({ task: { test } }) => {
    const rightOnes = right.slice(first, first + test.length).filter(Boolean).length;
    const own = likelihoods.slice(first, first + test.length);
    first += test.length;
    const sum = own.reduce((total, one) => total + one.sum, 0);
    const tokens = own.reduce((total, one) => total + one.tokens, 0);
    return { exactMatch: rightOnes / test.length, logLikelihood: sum / tokens };
  });
}

/**
 * Whether the greedy answer is the response, as far as that can be told without generating it; undefined where it cannot:
 * other tokens may spell the same text, and white space may follow it.
 */
function isRight(response: string, { greedy }: Likelihood, maxNewTokens: number): boolean | undefined {
  const { text, tokens, complete } = greedy;
  if (tokens > maxNewTokens) return undefined;
  if (complete) return text.trim() === response.trim();
  // A character that has only begun is decoded as U+FFFD.
  return response.trim().startsWith(text.replace(/\uFFFD+$/, '').trim()) ? undefined : false;
}
