import { Tokenizer } from '@huggingface/tokenizers';
import { DndError, type ErrorCode } from '../errors.js';
import { isObject } from '../validation/index.js';
import { correctedDescription, correctNormalizers } from './rust-corrections.js';

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

  /**
   * @param unsupported code of the error for a part that the library does not have
   * @throws DndError CORRUPT_FILE, `unsupported`
   */
  constructor({ tokenizer, config, folder }: TokeniserDescription, unsupported: ErrorCode) {
    this.#folder = folder;
    this.#unsupported = unsupported;
    this.#tokenizer = this.#explained(() => new Tokenizer(correctedDescription(tokenizer), config));
    correctNormalizers(this.#tokenizer.normalizer, `${folder}/tokenizer.json`);
  }

  /** @param specialTokens whether the post-processor adds its tokens, such as [CLS] or <s> */
  encode(text: string, specialTokens: boolean): number[] {
    return this.#explained(() => this.#tokenizer.encode(text, { add_special_tokens: specialTokens }).ids);
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
    return this.#tokenizer.token_to_id(token);
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

function requireObject(value: unknown, source: string): Record<string, unknown> {
  if (isObject(value)) return value;
  throw new DndError('CORRUPT_FILE', `${source} must hold a JSON object`);
}
