import { DndError } from '../errors.js';
import { describeTokeniser, LibraryTokeniser, type TokeniserFiles } from '../tokeniser/index.js';
import { isObject } from '../validation/index.js';

/** Keys of tokenizer_config.json that name special tokens, as chat templates refer to them. */
const TOKEN_KEYS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** The tokeniser of a causal language model. */
export class LanguageTokeniser {
  /** Special tokens by their key in tokenizer_config.json: `bos_token`, `eos_token` … */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** The ids that a text starts with where no chat template writes them, such as that of `<s>`. */
  readonly prefix: readonly number[];
  readonly #library: LibraryTokeniser;
  readonly #folder: string;

  /**
   * @param vocabSize of the model: ids must be below it
   * @throws DndError CORRUPT_FILE; UNSUPPORTED_BASE for a part that is not supported; SHAPE_MISMATCH for a vocabulary
   * that is larger than the model's
   */
  constructor(
    files: TokeniserFiles,
    readonly vocabSize: number,
  ) {
    const description = describeTokeniser(files);
    const { config, tokenizer, folder } = description;
    this.#folder = folder;
    this.#library = new LibraryTokeniser(description, 'UNSUPPORTED_BASE');
    this.#checkVocabulary(tokenizer.model);
    this.specialTokens = Object.fromEntries(
      TOKEN_KEYS.flatMap((key) => {
        const content = contentOf(config[key]);
        return content === undefined ? [] : [[key, content]];
      }),
    );
    this.prefix = this.#library.specialTokensAround().before;
  }

  /**
   * The ids of a text; special tokens are recognised where they are spelled out.
   * @param options.prefix start with the ids of `prefix`
   * @throws DndError SHAPE_MISMATCH for an id outside the model's vocabulary
   */
  encode(text: string, options: { prefix?: boolean } = {}): number[] {
    const ids = this.#library.encode(text);
    const wrong = ids.findIndex((id) => !(id >= 0 && id < this.vocabSize));
    if (wrong < 0) return options.prefix ? [...this.prefix, ...ids] : ids;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${this.#folder}: tokenizer.json gives a token of the text the id ${ids[wrong]}, but config.json has a vocab_size of ${this.vocabSize}. Check that the files belong together`,
    );
  }

  /** The text of token ids, without special tokens. */
  decode(ids: readonly number[]): string {
    return this.#library.decode(ids);
  }

  /** The id of a token; undefined for one that the vocabulary does not have. */
  idOf(token: string): number | undefined {
    return this.#library.idOf(token);
  }

  /** Added tokens beyond the model's vocabulary are common and harmless until one is used. */
  #checkVocabulary(model: unknown): void {
    const { vocab } = (isObject(model) ? model : {}) as { vocab?: unknown };
    let largest = -1;
    if (Array.isArray(vocab)) largest = vocab.length - 1;
    else if (isObject(vocab)) for (const id of Object.values(vocab)) largest = Math.max(largest, Number(id));
    if (largest < this.vocabSize) return;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${this.#folder}: tokenizer.json has ids up to ${largest}, but config.json has a vocab_size of ${this.vocabSize}. The tokenizer belongs to another model: copy the one of this base`,
    );
  }
}

function contentOf(token: unknown): string | undefined {
  const content = isObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}
