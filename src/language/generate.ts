import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { checkSeed } from '../random/split-mix.js';
import { checkOptions, checkWholeNumber, invalidValue, quoteValue } from '../validation/index.js';
import { type Adapters, type LoadedModel, passAll } from './passes.js';
import { encodePrompt, type PromptOptions } from './prompts.js';

/** Options of `LanguageModel.generate`. */
export interface GenerateOptions extends PromptOptions, LongOperation {
  /** One adapter for all prompts, or one for each; null for the base alone. Default: null. */
  adapters?: Adapters | undefined;
  /** Most new tokens; the context's end may come first. Default: 256. */
  maxNewTokens?: number | undefined;
  /** 0: greedy, always the most likely token. Default: 0. */
  temperature?: number | undefined;
  /** Draw only from so many of the most likely tokens; 0: from all. Default: 0. */
  topK?: number | undefined;
  /** Draw only from the most likely tokens that together reach this probability. Default: 1. */
  topP?: number | undefined;
  /** Random seed of the drawn tokens. Default: 0. */
  seed?: number | undefined;
}

const MOST_NEW_TOKENS = 2 ** 20;

/** See `LanguageModel.generate`. */
export async function generateTexts(
  model: LoadedModel,
  prompts: readonly string[],
  options: GenerateOptions,
): Promise<string[]> {
  const { signal, adapters, onProgress, ...rest } = checkOptions(options, 'options of generate');
  const { system, raw } = rest;
  const settings = checkGeneration(rest);
  checkTexts(prompts, 'prompts');
  const yieldToEventLoop = eventLoopYielder();
  const sequences: number[][] = [];
  for (const [index, prompt] of prompts.entries()) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    sequences.push(encodePrompt(model, prompt, { system, raw }, `prompt ${index + 1}`));
  }
  const answers = new Array<string>(prompts.length).fill('');
  await passAll(
    model,
    sequences,
    adapters,
    async ({ places, batch }, onPass) => {
      // Streams by place: an answer is the same whatever the other prompts are.
      const generation = { ...settings, endIds: model.endTokens.ids, streams: places };
      const generated = await model.engine.generate(batch, generation, { signal, onProgress: onPass });
      for (const [index, { ids }] of generated.entries()) answers[places[index]!] = model.tokeniser.decode([...ids]);
    },
    steadyProgress(onProgress),
  );
  return answers;
}

function checkGeneration({ maxNewTokens = 256, temperature = 0, topK = 0, topP = 1, seed = 0 }: GenerateOptions) {
  checkWholeNumber(maxNewTokens, 'maxNewTokens', 1, MOST_NEW_TOKENS);
  checkWholeNumber(topK, 'topK', 0);
  checkSeed(seed);
  if (!(Number.isFinite(temperature) && temperature >= 0))
    throw invalidValue('INVALID_ARGUMENT', 'temperature', 'a number from 0', temperature);
  if (!(topP > 0 && topP <= 1)) throw invalidValue('INVALID_ARGUMENT', 'topP', 'a number above 0 and at most 1', topP);
  return { maxNewTokens, temperature, topK, topP, seed };
}

/** @throws DndError INVALID_ARGUMENT */
function checkTexts(texts: readonly string[], what: string): void {
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string')) return;
  throw new DndError('INVALID_ARGUMENT', `${what} must be a list of texts, not ${quoteValue(texts)}`);
}
