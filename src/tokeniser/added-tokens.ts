import { isObject } from '../validation/index.js';
import { endOfSpace, startOfSpace } from './white-space.js';

/** An added token as `tokenizer.json` describes it. */
interface AddedToken {
  id: number;
  content: string;
  /** Only where no character of a word is beside it. */
  singleWord: boolean;
  /** It takes the white space before it, or behind it. */
  lstrip: boolean;
  rstrip: boolean;
}

/** Text between added tokens. */
export interface TextSection {
  text: string;
  /** Whether nothing of the text that was split is before it. */
  first: boolean;
}

/** The id of an added token, or text. */
export type Section = number | TextSection;

/** A character of a word as Rust's regular expressions define it. */
const WORD_CHARACTER = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const STARTS_WITH_WORD = new RegExp(`^${WORD_CHARACTER}`, 'u');

function isWordBefore(text: string, at: number): boolean {
  const low = at > 1 && /[\udc00-\udfff]/.test(text[at - 1]!);
  return at > 0 && STARTS_WITH_WORD.test(text.slice(low ? at - 2 : at - 1, at));
}

function isWordAfter(text: string, at: number): boolean {
  return at < text.length && STARTS_WITH_WORD.test(text.slice(at, at + 2));
}

interface TrieNode {
  next: Map<string, TrieNode>;
  token: AddedToken | undefined;
}

/** Added tokens that are searched for at once: of those that begin at the same place the longest. */
class TokenSearch {
  readonly #root: TrieNode = { next: new Map(), token: undefined };

  add(content: string, token: AddedToken): void {
    if (content === '') return;
    let node = this.#root;
    for (const unit of content.split('')) {
      const next = node.next.get(unit) ?? { next: new Map(), token: undefined };
      node.next.set(unit, next);
      node = next;
    }
    node.token ??= token;
  }

  split(text: string): Section[] {
    const sections: Section[] = [];
    let taken = 0;
    const takeText = (end: number) => {
      if (taken < end) sections.push({ text: text.slice(taken, end), first: taken === 0 });
    };
    for (let at = 0; at < text.length; ) {
      const found = this.#longestAt(text, at);
      if (found === undefined) {
        at++;
        continue;
      }
      const { token, end } = found;
      const start = at;
      at = end;
      if (token.singleWord && (isWordBefore(text, start) || isWordAfter(text, end))) continue;
      takeText(token.lstrip ? Math.max(startOfSpace(text, start), taken) : start);
      sections.push(token.id);
      taken = token.rstrip ? endOfSpace(text, end) : end;
    }
    takeText(text.length);
    return sections;
  }

  #longestAt(text: string, start: number): { token: AddedToken; end: number } | undefined {
    let found: { token: AddedToken; end: number } | undefined;
    let node: TrieNode | undefined = this.#root;
    for (let at = start; at < text.length; at++) {
      node = node.next.get(text[at]!);
      if (node === undefined) break;
      if (node.token !== undefined) found = { token: node.token, end: at + 1 };
    }
    return found;
  }
}

/** The added tokens of a tokeniser, which are found before its model sees a text, as the Rust tokenizers find them. */
export class AddedTokens {
  readonly #ids = new Map<string, number>();
  readonly #asWritten = new TokenSearch();
  readonly #normalised = new TokenSearch();
  readonly #normalise: (text: string) => string;

  /**
   * @param tokens `added_tokens` of `tokenizer.json`
   * @param idInModel the id of a token that the model's own vocabulary has; it takes precedence
   */
  constructor(
    tokens: unknown,
    normalise: (text: string) => string,
    idInModel: (content: string) => number | undefined,
  ) {
    this.#normalise = normalise;
    for (const token of Array.isArray(tokens) ? tokens : []) {
      if (!isObject(token)) continue;
      const { single_word: singleWord, lstrip, rstrip, special, normalized } = token;
      const content = String(token.content);
      const id = idInModel(content) ?? Number(token.id);
      this.#ids.set(content, id);
      const made = { id, content, singleWord: singleWord === true, lstrip: lstrip === true, rstrip: rstrip === true };
      if (normalized ?? special !== true) this.#normalised.add(normalise(content), made);
      else this.#asWritten.add(content, made);
    }
  }

  idOf(content: string): number | undefined {
    return this.#ids.get(content);
  }

  /** Added tokens, and normalised text between them. */
  split(text: string): Section[] {
    return this.#asWritten.split(text).flatMap((section) => {
      if (typeof section === 'number') return [section];
      const parts = this.#normalised.split(this.#normalise(section.text));
      return parts.map((part) => (typeof part === 'number' ? part : { ...part, first: part.first && section.first }));
    });
  }
}
