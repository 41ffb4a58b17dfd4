import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { checkOptions } from '../validation/index.js';
import { type Adapters, type LoadedModel, passAll } from './passes.js';
import { type EncodedExample, type Example, encodeExample, type PromptOptions } from './prompts.js';

export interface LikelihoodOptions extends PromptOptions, LongOperation {
  /** One adapter for all items, or one for each; null for the base alone. Default: null. */
  adapters?: Adapters | undefined;
}

/** Of one response. */
export interface Likelihood {
  /** Σ ln p of its tokens and the end token. */
  sum: number;
  /** Number of them. */
  tokens: number;
}

/** See `LanguageModel.logLikelihood`. */
export async function logLikelihoods(
  model: LoadedModel,
  items: readonly Example[],
  options: LikelihoodOptions,
): Promise<Likelihood[]> {
  const { signal, adapters, onProgress, system, raw } = checkOptions(options, 'options of logLikelihood');
  const yieldToEventLoop = eventLoopYielder();
  const examples: EncodedExample[] = [];
  for (const [index, item] of items.entries()) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    examples.push(encodeExample(model, { system, raw, ...item }, `item ${index + 1}`));
  }
  const likelihoods = new Array<Likelihood>(items.length);
  await passAll(
    model,
    examples.map(({ ids }) => ids),
    adapters,
    async ({ places, batch }, onPass) => {
      const labels = new Int32Array(batch.ids.length);
      let offset = 0;
      for (const place of places) {
        labels.set(examples[place]!.labels, offset);
        offset += examples[place]!.labels.length;
      }
      const sums = await model.engine.logLikelihoods(batch, labels, { signal, onProgress: onPass });
      for (const [index, { sum, count }] of sums.entries()) likelihoods[places[index]!] = { sum, tokens: count };
    },
    steadyProgress(onProgress),
  );
  return likelihoods;
}
