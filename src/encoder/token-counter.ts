import { eventLoopYielder } from '../async/index.js';
import { readJson } from '../files/index.js';
import { loadCausalTokeniser, parseCausalConfig } from './causal-text-encoder.js';
import { parseEncoderConfig } from './families.js';
import { words } from './hash-features.js';
import { isCausal } from './load.js';
import { findTokeniser, modelTypeOf } from './model-folder.js';
import { loadTokeniser } from './model-text-encoder.js';
import { findWordVectors, WordVectorsEncoder } from './word-vectors-encoder.js';

/** Counts the tokens that a text encoder makes of a prompt, without its weights. */
export interface TokenCounter {
  /** The longest piece that passes through the encoder at once; Infinity without a bound. */
  readonly maxWindow: number;
  /** Of the whole prompt, special tokens included. */
  count(prompt: string, signal?: AbortSignal): Promise<number>;
}

/**
 * @param source as for `loadTextEncoder`; model.safetensors is not needed
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, UNSUPPORTED_ENCODER
 */
export async function loadTokenCounter(source: string): Promise<TokenCounter> {
  if (source === 'hash') return { maxWindow: Number.POSITIVE_INFINITY, count: countWords };
  const wordVectors = await findWordVectors(source);
  if (wordVectors !== undefined) {
    const encoder = await WordVectorsEncoder.load(wordVectors);
    return { maxWindow: encoder.maxWindow, count: (prompt, signal) => encoder.count(prompt, signal) };
  }
  const files = await findTokeniser(source);
  if (isCausal(await modelTypeOf(source))) {
    const { sizes } = parseCausalConfig(await readJson(files.config), files.config);
    const causal = await loadCausalTokeniser(files, sizes.vocabSize);
    return { maxWindow: sizes.maxPositions, count: (prompt, signal) => causal.count(prompt, signal) };
  }
  const tokeniser = await loadTokeniser(files);
  const { maxPositions } = parseEncoderConfig(await readJson(files.config), files.config);
  return { maxWindow: maxPositions, count: (prompt, signal) => tokeniser.count(prompt, signal) };
}

/** Counting this many words takes about a millisecond. */
const WORDS_PER_SLICE = 4096;

async function countWords(prompt: string, signal?: AbortSignal): Promise<number> {
  const yieldToEventLoop = eventLoopYielder();
  let count = 0;
  for (const word of words(prompt)) {
    if (word !== '' && count++ % WORDS_PER_SLICE !== 0) continue;
    await yieldToEventLoop();
    signal?.throwIfAborted();
  }
  return count;
}
