import type { AppliedAdapter, LanguageModel } from '../language/index.js';
import type { EvaluationTask } from './tasks.js';

/** How well one adapter does on one task. */
export interface Score {
  /** Share of the test items whose answer is exactly the response, leading and trailing white space aside. */
  exactMatch: number;
  /** Mean log-likelihood of a token of the responses, in nats; end tokens are counted. */
  logLikelihood: number;
}

/** What an evaluation needs of a language model: greedy answers, and how likely it finds the right ones. */
export type AnsweringModel = Pick<LanguageModel, 'generate' | 'logLikelihood'>;

export interface ScoreOptions {
  maxNewTokens: number;
  system?: string | undefined;
  raw?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/** @param adapter null for the base alone */
export async function scoreOf(
  model: AnsweringModel,
  { test }: Pick<EvaluationTask, 'test'>,
  adapter: AppliedAdapter | null,
  { maxNewTokens, ...options }: ScoreOptions,
): Promise<Score> {
  const answers = await model.generate(
    test.map(({ prompt }) => prompt),
    { ...options, adapters: adapter, maxNewTokens },
  );
  const likelihoods = await model.logLikelihood(test, { ...options, adapters: adapter });
  const right = answers.filter((answer, index) => answer.trim() === test[index]!.response.trim()).length;
  const sum = likelihoods.reduce((total, one) => total + one.sum, 0);
  const tokens = likelihoods.reduce((total, one) => total + one.tokens, 0);
  return { exactMatch: right / test.length, logLikelihood: sum / tokens };
}
