import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { checkOptions } from '../validation/index.js';
import { type Adapters, type LoadedModel, passAll } from './passes.js';
import { type EncodedExample, type Example, encodeExample, type PromptOptions } from './prompts.js';

/** Options of `LanguageModel.logLikelihood`. */
export interface LikelihoodOptions extends PromptOptions, LongOperation {
  /** One adapter for all items, or one for each; null for the base alone. Default: null. */
  adapters?: Adapters | undefined;
}

/** How likely one response is. */
export interface Likelihood {
  /** Σ ln p of its tokens and the end token. */
  sum: number;
  /** Number of these tokens. */
  tokens: number;
  /** As much of the greedy answer as can be told from the response. */
  greedy: GreedyStart;
}

/** A greedy answer follows the response to the first token that is not the most likely one; how it goes on is not known. */
export interface GreedyStart {
  /** The text, up to and including that token. */
  text: string;
  /** New tokens that it takes, without an end token. */
  tokens: number;
  /** Whether the answer ends with it. */
  complete: boolean;
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
      for (const [index, { sum, count, predictions }] of sums.entries()) {
        const { labels: own } = examples[places[index]!]!;
        const response = own.subarray(own.length - count);
        const greedy = greedyStart(model, response, new Int32Array(predictions));
        likelihoods[places[index]!] = { sum, tokens: count, greedy };
      }
    },
    steadyProgress(onProgress),
  );
  return likelihoods;
}

/**
 * @param response ids, the end token included
 * @param predictions the most likely id in place of each
 */
function greedyStart(
  { tokeniser, endTokens }: Pick<LoadedModel, 'tokeniser' | 'endTokens'>,
  response: Int32Array,
  predictions: Int32Array,
): GreedyStart {
  const other = predictions.findIndex((id, index) => id !== response[index]);
  const start = other < 0 ? predictions : predictions.subarray(0, other + 1);
  const complete = endTokens.ids.includes(start.at(-1)!);
  const ids = complete ? start.subarray(0, -1) : start;
  return { text: tokeniser.decode([...ids]), tokens: ids.length, complete };
}
