/** About a millisecond of tokenisation. */
const PIECE_LENGTH = 2048;
const SPACES = ' \t\n\r';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const IDEOGRAPH = /[\u3400-\u4dbf\u4e00-\u9fff]/;

interface AddedToken {
  content?: unknown;
  single_word?: unknown;
}

/**
 * Cuts long texts for a BERT tokeniser into pieces whose ids, one after the other, are the ids of the whole text: the
 * event loop gets its turn in between, and what lies beyond the maximal length is never tokenised.
 */
export class TextCutter {
  /** Characters after which a cut changes nothing; none where the tokeniser is not known to allow it. */
  readonly #ends: ReadonlySet<string>;
  readonly #ideographs: boolean;

  /** @param description contents of `tokenizer.json`, with the normalizer that is in force */
  constructor(description: Record<string, unknown>) {
    const normalizer = description.normalizer as Record<string, unknown> | null | undefined;
    const preTokenizer = description.pre_tokenizer as Record<string, unknown> | null | undefined;
    const added = Array.isArray(description.added_tokens) ? (description.added_tokens as AddedToken[]) : [];
    const contents = added.map(({ content }) => String(content)).join('');
    const known =
      preTokenizer?.type === 'BertPreTokenizer' &&
      (normalizer === null || normalizer?.type === 'BertNormalizer') &&
      !/\s/.test(contents) &&
      !added.some((token) => token.single_word === true);
    // A cut must not go through a token that is matched as a whole, such as [MASK].
    const marks = Array.from(PUNCTUATION).filter((mark) => !contents.includes(mark));
    this.#ends = new Set(known ? [...SPACES, ...marks] : []);
    this.#ideographs = known && normalizer?.handle_chinese_chars === true && !IDEOGRAPH.test(contents);
  }

  *pieces(text: string): Generator<string, void, void> {
    let start = 0;
    while (text.length - start > PIECE_LENGTH) {
      const end = this.#cutAround(text, start + PIECE_LENGTH, start);
      yield text.slice(start, end);
      start = end;
    }
    yield text.slice(start);
  }

  /** The last place for a cut from `start` to `wanted`, else the first one after it, else the end. */
  #cutAround(text: string, wanted: number, start: number): number {
    for (let end = wanted; end > start; end--) if (this.#endsPiece(text[end - 1]!)) return end;
    for (let end = wanted + 1; end < text.length; end++) if (this.#endsPiece(text[end - 1]!)) return end;
    return text.length;
  }

  #endsPiece(character: string): boolean {
    return this.#ends.has(character) || (this.#ideographs && IDEOGRAPH.test(character));
  }
}
