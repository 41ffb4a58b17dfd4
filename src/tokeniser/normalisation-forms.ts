import { NEWER_COMPOSITION } from './newer-unicode.js';

export type NormalisationForm = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

const NEWER = new RegExp(`([${NEWER_COMPOSITION}])`, 'u');
const EACH_NEWER = new RegExp(NEWER, 'gu');

/** A normalisation form by the tables of the Rust tokenizers, which are older than JavaScript's. */
export function normalised(text: string, form: NormalisationForm): string {
  const parts = text.split(NEWER);
  // Newer characters are at the odd places; others may be composed to one.
  return parts.map((part, i) => (i % 2 === 1 ? part : withoutNewer(part.normalize(form)))).join('');
}

function withoutNewer(text: string): string {
  return NEWER.test(text) ? text.replace(EACH_NEWER, (character) => character.normalize('NFD')) : text;
}
