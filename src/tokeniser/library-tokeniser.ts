import { Tokenizer } from '@huggingface/tokenizers';
import { DndError, type ErrorCode } from '../errors.js';
import { isObject } from '../validation/index.js';
import { AddedTokens, type TextSection } from './added-tokens.js';
import { correctNormalizers, correctPreTokenizers } from './rust-corrections.js';
import { isUnigram, UnigramModel } from './unigram.js';

/** Stands for the tokens of a text. */
const CONTENT = '\0content';

/** The files of a tokeniser. */
export interface TokeniserFiles {
  /** Contents of `tokenizer.json`. */
  tokenizer: unknown;
  /** Contents of `tokenizer_config.json`; {} if there is none. */
  config: unknown;
  /** The folder, for error messages. */
  folder: string;
}

/** Contents of the two files, checked to be objects. */
export interface TokeniserDescription {
  tokenizer: Record<string, unknown>;
  config: Record<string, unknown>;
  folder: string;
}

/** @throws DndError CORRUPT_FILE */
export function describeTokeniser({ tokenizer, config, folder }: TokeniserFiles): TokeniserDescription {
  return {
    tokenizer: requireObject(tokenizer, `${folder}/tokenizer.json`),
    config: requireObject(config, `${folder}/tokenizer_config.json`),
    folder,
  };
}

/** A tokeniser of @huggingface/tokenizers whose failures are errors that name its file. */
export class LibraryTokeniser {
  readonly #tokenizer: Tokenizer;
  readonly #folder: string;
  readonly #unsupported: ErrorCode;
  readonly #added: AddedTokens;
  readonly #unigram: UnigramModel | undefined;

  /**
   * @param unsupported code of the error for a part that the library does not have
   * @throws DndError CORRUPT_FILE, `unsupported`
   */
  constructor({ tokenizer, config, folder }: TokeniserDescription, unsupported: ErrorCode) {
    this.#folder = folder;
    this.#unsupported = unsupported;
    const source = `${folder}/tokenizer.json`;
    const { model } = tokenizer;
    this.#unigram = isUnigram(model) ? this.#explained(() => new UnigramModel(model)) : undefined;
    const read = isUnigram(model) ? { ...tokenizer, model: wordsOf(model) } : tokenizer;
    this.#tokenizer = this.#explained(() => new Tokenizer(read, config));
    correctNormalizers(this.#tokenizer.normalizer, source);
    correctPreTokenizers(this.#tokenizer.pre_tokenizer, tokenizer.pre_tokenizer, source, unsupported);
    const idInModel = removeAddedTokens(this.#tokenizer.model!, read);
    this.#added = this.#explained(
      () => new AddedTokens(tokenizer.added_tokens, (text) => this.normalise(text), idInModel),
    );
  }

  /** Without the tokens of the post-processor, such as [CLS] or <s>; −1 for a word without a token in a model without an unknown one. */
  encode(text: string): number[] {
    return this.#explained(() =>
      this.#added.split(text).flatMap((section) => (typeof section === 'number' ? section : this.#idsOf(section))),
    );
  }

  /** Special tokens, and ids that the vocabulary does not have, are dropped. */
  decode(ids: readonly number[]): string {
    const known = ids.filter((id) => this.#tokenizer.id_to_token(id) !== undefined);
    if (known.length === 0) return '';
    // The clean-up would remove spaces before punctuation, and nothing that was encoded would come back as it was.
    const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
    return this.#explained(() => this.#tokenizer.decode(known, options));
  }

  normalise(text: string): string {
    return this.#tokenizer.normalizer?.normalize(text) ?? text;
  }

  idOf(token: string): number | undefined {
    return this.#added.idOf(token) ?? this.#tokenizer.token_to_id(token);
  }

  tokenOf(id: number): string | undefined {
    return this.#tokenizer.id_to_token(id);
  }

  /**
   * The tokens that the post-processor adds before and after a text, found by running it on a token that is none of
   * theirs. It decides alone: where there is a `tokenizer.json`, transformers drops `add_bos_token` and `add_eos_token` of
   * `tokenizer_config.json`.
   * @throws DndError `unsupported` if it does anything else; CORRUPT_FILE
   */
  specialTokensAround(): { before: number[]; after: number[] } {
    const processor = this.#tokenizer.post_processor;
    if (processor === null) return { before: [], after: [] };
    const tokens: unknown = this.#explained(() => processor.post_process([CONTENT], null, true).tokens);
    const all = Array.isArray(tokens) ? tokens : [];
    const place = all.indexOf(CONTENT);
    const ids = all.map((token) => (token === CONTENT ? undefined : this.idOf(token)));
    if (place >= 0 && ids.every((id, at) => (id === undefined) === (at === place)))
      return { before: ids.slice(0, place) as number[], after: ids.slice(place + 1) as number[] };
    throw new DndError(
      this.#unsupported,
      `${this.#folder}: tokenizer.json has an unsupported post-processor; only adding special tokens around a text is supported`,
    );
  }

  #idsOf({ text, first }: TextSection): number[] {
    const { pre_tokenizer: preTokenizer, model } = this.#tokenizer;
    const words: string[] = preTokenizer === null ? [text] : preTokenizer(text, { section_index: first ? 0 : 1 });
    const unigram = this.#unigram;
    if (unigram !== undefined) return words.flatMap((word) => unigram.encode(word));
    const { tokens_to_ids: ids, unk_token_id: unknown = -1 } = model!;
    return words.flatMap((word) => (model!([word]) as string[]).map((token) => ids.get(token) ?? unknown));
  }

  /** A fault in tokenizer.json may only surface when the faulty part is used. */
  #explained<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof DndError) throw cause;
      const { message } = cause as Error;
      const unknown = /^Unknown .* type/.test(message);
      throw new DndError(
        unknown ? this.#unsupported : 'CORRUPT_FILE',
        `${this.#folder}/tokenizer.json ${unknown ? 'uses an unsupported feature' : 'is not a valid tokeniser'}: ${message}`,
        { cause },
      );
    }
  }
}

/** A model that has the pieces of a Unigram model, for the library to decode with. */
function wordsOf({ vocab, unk_id: unknown }: Record<string, unknown>): Record<string, unknown> {
  const pieces = (vocab as [string, number][]).map(([piece]) => piece);
  const ids = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  return { type: 'WordPiece', vocab: ids, unk_token: pieces[Number(unknown)], continuing_subword_prefix: '' };
}

/**
 * The library adds added tokens to the vocabulary of the model, which would find them within words. Returns the ids of the
 * model's own vocabulary.
 */
function removeAddedTokens(
  { tokens_to_ids: ids }: NonNullable<Tokenizer['model']>,
  { added_tokens: added, model }: Record<string, unknown>,
): (content: string) => number | undefined {
  const { vocab } = (isObject(model) ? model : {}) as { vocab?: unknown };
  const own = isObject(vocab) ? vocab : {};
  const idOf = (content: string) => (Object.hasOwn(own, content) ? Number(own[content]) : undefined);
  for (const token of Array.isArray(added) ? added : []) {
    const content = String((token as { content?: unknown }).content);
    const id = idOf(content);
    if (id === undefined) ids.delete(content);
    else ids.set(content, id);
  }
  return idOf;
}

function requireObject(value: unknown, source: string): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new DndError('CORRUPT_FILE', `${source} must hold a JSON object`);
}
