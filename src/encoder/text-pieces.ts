import { BERT_PUNCTUATION, IDEOGRAPH } from '../tokeniser/index.js';

/** About a millisecond of tokenisation. */
const PIECE_LENGTH = 2048;
/** Maximum characters tokenised at once: a few milliseconds where long words become the unknown token, else tens. */
const LONGEST_PIECE = 2 ** 13;
const LONGEST_UNKNOWN_PIECE = 2 ** 16;
/** White space that becomes a space and not nothing. */
const SPACE = /(?![\v\f\ufeff])\s/u;
/** Characters that decompose to leading punctuation where accents are stripped. */
const DECOMPOSED_SEPARATOR = /[\u1fef\u2260\u226e\u226f]/;

interface AddedToken {
  content: string;
  single_word?: unknown;
  normalized?: unknown;
}

/**
 * Cuts long texts into pieces: the event loop runs in between, and text beyond the maximum length is never tokenised.
 * For BERT tokenisers the concatenated ids of the pieces equal those of the whole text; for others, texts up to 65536
 * characters are tokenised whole, and ids at the seams of longer texts may differ.
 */
export class TextCutter {
  readonly #normalise: (text: string) => string;
  /** Characters after which a cut does not change the tokens, unless it splits an added token; none if unknown. */
  readonly #separators: readonly RegExp[];
  /** Matched as a whole before anything else, such as [MASK]. */
  readonly #added: readonly string[];
  /** Contents of added tokens that match in the normalised text, which is not visible here. */
  readonly #hidden: string;
  /** Longer words always become the unknown token; undefined if unknown. */
  readonly #longestWord: number | undefined;

  /**
   * @param description contents of `tokenizer.json`, with the effective normalizer
   * @param normalise the tokeniser's normalisation of a text before it splits words
   */
  constructor(description: Record<string, unknown>, normalise: (text: string) => string) {
    const normalizer = description.normalizer as Record<string, unknown> | null | undefined;
    const preTokenizer = description.pre_tokenizer as Record<string, unknown> | null | undefined;
    const model = description.model as Record<string, unknown> | null | undefined;
    const added = Array.isArray(description.added_tokens) ? (description.added_tokens as AddedToken[]) : [];
    this.#normalise = normalise;
    this.#added = added.map(({ content }) => String(content)).filter(Boolean);
    const known =
      preTokenizer?.type === 'BertPreTokenizer' &&
      (normalizer === null || normalizer?.type === 'BertNormalizer') &&
      !this.#added.some((content) => /\s/.test(content)) &&
      !added.some((token) => token.single_word === true);
    const hidden = added.filter((token) => token.normalized === true).map(({ content }) => content);
    this.#hidden = [...hidden, ...hidden.map(normalise)].join('');
    const decomposes = normalizer?.strip_accents ?? normalizer?.lowercase;
    const ideographs = normalizer?.handle_chinese_chars === true ? [IDEOGRAPH] : [];
    this.#separators = known
      ? [BERT_PUNCTUATION, SPACE, ...(decomposes ? [DECOMPOSED_SEPARATOR] : []), ...ideographs]
      : [];
    const wordPiece = known && model?.type === 'WordPiece' && normalizer?.clean_text === true;
    const apart = this.#added.every((content) => this.#isSeparator(content[0]!) && this.#isSeparator(content.at(-1)!));
    this.#longestWord =
      wordPiece && apart && hidden.length === 0 ? Number(model.max_input_chars_per_word ?? 100) : undefined;
  }

  /** Some pieces may be empty: points at which to yield to the event loop. */
  *pieces(text: string): Generator<string, void, void> {
    let start = 0;
    while (text.length - start > PIECE_LENGTH) {
      const end = this.#cutAround(text, start);
      if (end === undefined && this.#longestWord !== undefined && this.#separatorIn(text, start) < 0) {
        start = yield* this.#word(text, start, this.#longestWord);
        continue;
      }
      yield text.slice(start, end ?? this.#endOfPiece(text, start));
      start = end ?? this.#endOfPiece(text, start);
    }
    yield text.slice(start);
  }

  /** The last possible cut within a piece, else the first one after it; undefined if none is near. */
  #cutAround(text: string, start: number): number | undefined {
    const target = start + PIECE_LENGTH;
    for (let end = target; end > start; end--) if (this.#allowsCut(text, end)) return end;
    const limit = this.#endOfPiece(text, start);
    for (let end = target + 1; end <= limit; end++) if (this.#allowsCut(text, end)) return end;
    return limit === text.length ? limit : undefined;
  }

  #allowsCut(text: string, end: number): boolean {
    const pair = end > 1 && text.codePointAt(end - 2)! > 0xffff;
    const character = text.slice(pair ? end - 2 : end - 1, end);
    return this.#isSeparator(character) && !this.#hidden.includes(character) && !this.#cutsAdded(text, end);
  }

  #isSeparator(character: string): boolean {
    return this.#separators.some((separator) => separator.test(character));
  }

  #cutsAdded(text: string, end: number): boolean {
    return this.#added.some((content) =>
      text.slice(Math.max(0, end - content.length + 1), end + content.length - 1).includes(content),
    );
  }

  /** Index of the first separator from `start` on, within one piece; −1 if there is none. */
  #separatorIn(text: string, start: number): number {
    const piece = text.slice(start, this.#endOfPiece(text, start));
    const found = this.#separators.map((separator) => piece.search(separator)).filter((place) => place >= 0);
    return found.length === 0 ? -1 : Math.min(...found);
  }

  /**
   * A word of any length, from `start` on: the part that determines its token, without the accents and control
   * characters that normalisation drops. Returns its end.
   */
  *#word(text: string, start: number, longest: number): Generator<string, number, void> {
    let kept = '';
    let at = start;
    while (at < text.length) {
      const place = this.#separatorIn(text, at);
      const end = place < 0 ? this.#endOfPiece(text, at) : at + place;
      // A character takes at most two code units, so this many exceed the longest word.
      if (kept.length <= 2 * longest) kept += this.#normalise(text.slice(at, end));
      at = end;
      if (place >= 0) break;
      yield '';
    }
    yield kept.slice(0, 2 * (longest + 1));
    return at;
  }

  /** The fallback end of a piece: not within a character. */
  #endOfPiece(text: string, start: number): number {
    const longest = this.#longestWord === undefined ? LONGEST_UNKNOWN_PIECE : LONGEST_PIECE;
    const end = Math.min(start + longest, text.length);
    return end < text.length && text.codePointAt(end - 1)! > 0xffff ? end - 1 : end;
  }
}
