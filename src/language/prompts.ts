import { IGNORED_LABEL } from '../engine/index.js';
import { DndError } from '../errors.js';
import type { ChatTemplate } from './chat-template.js';
import type { EndTokens } from './end-tokens.js';
import type { LanguageTokeniser } from './tokeniser.js';

/** What turns texts into the token ids of a language model. A `LanguageModel` is one. */
export interface PromptFormat {
  /** Folder of the model, for messages. */
  folder: string;
  /** Texts ↔ token ids. */
  tokeniser: LanguageTokeniser;
  /** The chat template; undefined: prompts are continued as they are. */
  chatTemplate: ChatTemplate | undefined;
  /** The tokens that end an answer. */
  endTokens: EndTokens;
  /** The context: most tokens of prompt and response together. */
  maxPositions: number;
}

/** How prompts are put before a model. */
export interface PromptOptions {
  /** System prompt. Default: that of the chat template, if it has one. */
  system?: string | undefined;
  /** Continue the prompts as they are, without the chat template. Default: false. */
  raw?: boolean | undefined;
}

/** A prompt, and the response that a model shall learn or is measured by. */
export interface Example extends Pick<PromptOptions, 'system' | 'raw'> {
  /** What the user says. */
  prompt: string;
  /** What the model shall answer. */
  response: string;
}

/** Token ids of an example and, for each token of the response and its end, the same id as its label; −100 elsewhere. */
export interface EncodedExample {
  /** Token ids of prompt, response and end token, [tokens]. */
  ids: Int32Array<ArrayBuffer>;
  /** Labels, [tokens]: the id at each token of the response and the end token, −100 elsewhere. */
  labels: Int32Array<ArrayBuffer>;
  /** Tokens with a label. */
  labelled: number;
}

/**
 * The text that the model sees for a prompt: a user turn in the chat template, and what introduces the response.
 * @throws DndError INVALID_ARGUMENT for a system prompt without a chat template, or that the template refuses
 */
export function promptText(format: PromptFormat, prompt: string, { system, raw = false }: PromptOptions = {}): string {
  const { chatTemplate, folder } = format;
  if (chatTemplate && !raw) {
    const first = system === undefined ? [] : [{ role: 'system' as const, content: system }];
    return chatTemplate.render([...first, { role: 'user', content: prompt }]);
  }
  if (system === undefined) return prompt;
  const why = raw ? 'the prompts are raw text' : `${folder} has no chat template`;
  throw new DndError(
    'INVALID_ARGUMENT',
    `there is no place for a system prompt: ${why}. Put it at the beginning of each prompt`,
  );
}

/**
 * The token ids that the model continues.
 * @param what the subject of messages, as in "prompt 3"
 * @throws DndError INVALID_PROMPTS for a prompt without tokens, or one that fills the context; as `promptText`
 */
export function encodePrompt(format: PromptFormat, prompt: string, options: PromptOptions, what: string): number[] {
  const { tokeniser, chatTemplate, maxPositions, folder } = format;
  const templated = chatTemplate !== undefined && !options.raw;
  const ids = tokeniser.encode(promptText(format, prompt, options), { prefix: !templated });
  if (ids.length === 0) throw new DndError('INVALID_PROMPTS', `${what} has no tokens; give at least one character`);
  if (ids.length < maxPositions) return ids;
  throw new DndError(
    'INVALID_PROMPTS',
    `${what} is too long; expected at most ${maxPositions - 1} tokens, since the context of ${folder} is ${maxPositions}, got ${ids.length}. Shorten it`,
  );
}

/**
 * Token ids and labels of a training example: the prompt as in generation, then the response and the end token, which
 * have labels. The response is tokenised by itself, so that the model learns exactly what it is asked for later: to
 * continue the prompt's tokens.
 * @param what the subject of messages, as in "item 3 of train.json"
 * @throws DndError INVALID_PROMPTS for an empty response, a prompt without tokens, or an example longer than the context;
 * UNSUPPORTED_BASE for a model without an end token; INVALID_ARGUMENT for a system prompt that there is no place for
 */
export function encodeExample(format: PromptFormat, example: Example, what = 'the example'): EncodedExample {
  const { tokeniser, endTokens, maxPositions, folder } = format;
  const { prompt, response } = example;
  if (endTokens.trained === undefined)
    throw new DndError(
      'UNSUPPORTED_BASE',
      `${folder} has no token that ends a response. Name one as eos_token in tokenizer_config.json`,
    );
  if (response === '') throw new DndError('INVALID_PROMPTS', `${what} has no response; give the text to learn`);
  const before = encodePrompt(format, prompt, example, `the prompt of ${what}`);
  const ids = Int32Array.from([...before, ...tokeniser.encode(response), endTokens.trained]);
  if (ids.length > maxPositions)
    throw new DndError(
      'INVALID_PROMPTS',
      `${what} is too long with its response; expected at most ${maxPositions} tokens, the context of ${folder}, got ${ids.length}. Shorten it or leave it out`,
    );
  const labels = new Int32Array(ids.length).fill(IGNORED_LABEL);
  labels.set(ids.subarray(before.length), before.length);
  return { ids, labels, labelled: ids.length - before.length };
}

/** Examples one after the other, as the engine takes them: `ids` and `labels` of all of them, and their lengths. */
export function joinExamples(examples: readonly EncodedExample[]) {
  const lengths = examples.map(({ ids }) => ids.length);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(tokens);
  const labels = new Int32Array(tokens);
  let offset = 0;
  for (const example of examples) {
    ids.set(example.ids, offset);
    labels.set(example.labels, offset);
    offset += example.ids.length;
  }
  return { ids, labels, lengths };
}

/**
 * A sequence of token ids to learn as a whole: every token but the first is predicted, or those that have labels.
 * @param what the subject of messages, as in "sequence 3 of the corpus"
 * @throws DndError SHAPE_MISMATCH for an id outside the vocabulary; INVALID_ARGUMENT for a sequence without anything to
 * predict, or longer than the context
 */
export function encodeSequence(
  sequence: ArrayLike<number> | Pick<EncodedExample, 'ids' | 'labels'>,
  { vocabSize, maxPositions }: { vocabSize: number; maxPositions: number },
  what: string,
): EncodedExample {
  const given = 'ids' in sequence ? sequence : { ids: sequence, labels: sequence };
  const ids = Int32Array.from(given.ids);
  const labels = Int32Array.from(given.labels);
  const fits = (id: number) => id >= 0 && id < vocabSize;
  const wrong = [...ids, ...labels.filter((label) => label !== IGNORED_LABEL)].find((id) => !fits(id));
  if (wrong !== undefined)
    throw new DndError('SHAPE_MISMATCH', `${what} has the token id ${wrong}, but the vocab_size is ${vocabSize}`);
  // Nothing predicts the first token.
  if (labels.length > 0) labels[0] = IGNORED_LABEL;
  const labelled = labels.reduce((count, label) => count + Number(label !== IGNORED_LABEL), 0);
  if (labelled > 0 && ids.length <= maxPositions && labels.length === ids.length) return { ids, labels, labelled };
  const labelText = labels.length === ids.length ? `${labelled} of them to predict` : `${labels.length} labels`;
  throw new DndError(
    'INVALID_ARGUMENT',
    `${what} cannot be learnt; expected 2 to ${maxPositions} tokens, with a label each, got ${ids.length} tokens, ${labelText}`,
  );
}
