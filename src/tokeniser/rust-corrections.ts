import type { Tokenizer } from '@huggingface/tokenizers';
import { isObject } from '../validation/index.js';
import { PrecompiledCharsmap } from './precompiled-charsmap.js';

/** White space as Rust defines it: with U+0085, which JavaScript's \s lacks, and without U+FEFF. */
const RUST_SPACE = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const WHITESPACE_SPLIT = { type: 'Split', pattern: { Regex: RUST_SPACE }, behavior: 'Removed', invert: false };

/**
 * The contents of `tokenizer.json` with parts that @huggingface/tokenizers computes otherwise than the Rust tokenizers
 * put in a form that it computes alike: white space of `WhitespaceSplit`.
 */
export function correctedDescription(tokenizer: Record<string, unknown>): Record<string, unknown> {
  const { pre_tokenizer: preTokenizer } = tokenizer;
  return isObject(preTokenizer) ? { ...tokenizer, pre_tokenizer: correctedSplit(preTokenizer) } : tokenizer;
}

function correctedSplit(preTokenizer: Record<string, unknown>): Record<string, unknown> {
  const { type, pretokenizers } = preTokenizer;
  if (type === 'WhitespaceSplit') return WHITESPACE_SPLIT;
  if (type !== 'Sequence' || !Array.isArray(pretokenizers)) return preTokenizer;
  return { ...preTokenizer, pretokenizers: pretokenizers.map((one) => (isObject(one) ? correctedSplit(one) : one)) };
}

/**
 * Gives the normalizers of type Precompiled their own character map.
 * @throws DndError CORRUPT_FILE
 */
export function correctNormalizers(normalizer: Tokenizer['normalizer'], source: string): void {
  if (normalizer === null) return;
  const { type, precompiled_charsmap: base64 } = normalizer.config as {
    type?: unknown;
    precompiled_charsmap?: unknown;
  };
  if (type === 'Sequence' && 'normalizers' in normalizer) {
    for (const one of normalizer.normalizers as Tokenizer['normalizer'][]) correctNormalizers(one, source);
  }
  if (type !== 'Precompiled' || typeof base64 !== 'string' || base64 === '') return;
  const charsmap = new PrecompiledCharsmap(base64, source);
  normalizer.normalize = (text: string) => charsmap.normalise(text);
}
