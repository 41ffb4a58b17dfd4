import { NEWER_FORMATS, NEWER_MARKS, NEWER_PUNCTUATION } from './newer-unicode.js';
import { normalised } from './normalisation-forms.js';
import { WHITE_SPACE } from './white-space.js';

/** A BertNormalizer as `tokenizer.json` describes it. */
export interface BertNormalizer {
  type: 'BertNormalizer';
  clean_text?: boolean | null;
  handle_chinese_chars?: boolean | null;
  /** Default: as `lowercase`. */
  strip_accents?: boolean | null;
  lowercase?: boolean | null;
}

const DROPPED = new RegExp(`[\\0\\ufffd]|(?![\\t\\n\\r${NEWER_FORMATS}])[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}]`, 'gu');
const SPACE = new RegExp(`[${WHITE_SPACE}]`, 'g');
/** Two are spacing marks since. */
const MARK = new RegExp(`(?![${NEWER_MARKS}])[\\p{Mn}\\u1734\\u{1171e}]`, 'gu');
/** Ideographs, as a class of characters: each becomes a word. */
const IDEOGRAPHS =
  '[\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b81f}\\u{2b920}-\\u{2ceaf}\\u{2f800}-\\u{2fa1f}]';
const EACH_IDEOGRAPH = new RegExp(IDEOGRAPHS, 'gu');
export const IDEOGRAPH = new RegExp(IDEOGRAPHS, 'u');

/** Punctuation as BertPreTokenizer defines it, as an alternative of characters; two of it are none since. */
const PUNCTUATION = `(?![${NEWER_PUNCTUATION}])[\\p{P}$+<=>^\`|~\\u166d\\u{111c9}]`;
/** One such character. */
export const BERT_PUNCTUATION = new RegExp(PUNCTUATION, 'u');
const WORDS = new RegExp(`${PUNCTUATION}|(?:(?!${PUNCTUATION})[^${WHITE_SPACE}])+`, 'gu');

/** The text as Rust's BertNormalizer gives it. */
export function bertNormalised(text: string, normalizer: BertNormalizer): string {
  const { clean_text: clean, handle_chinese_chars: ideographs, lowercase } = normalizer;
  let result = clean ? text.replace(DROPPED, '').replace(SPACE, ' ') : text;
  if (ideographs) result = result.replace(EACH_IDEOGRAPH, ' $& ');
  if (normalizer.strip_accents ?? lowercase) result = normalised(result, 'NFD').replace(MARK, '');
  return lowercase ? inLowerCase(result) : result;
}

/** Each character by itself: JavaScript would write Σ at the end of a word as ς. */
export function inLowerCase(text: string): string {
  return text.replaceAll('Σ', 'σ').toLowerCase();
}

/** The words and single marks of punctuation that Rust's BertPreTokenizer gives. */
export function bertWords(text: string): string[] {
  return text.match(WORDS) ?? [];
}
