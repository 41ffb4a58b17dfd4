import type { Tokenizer } from '@huggingface/tokenizers';
import { DndError, type ErrorCode } from '../errors.js';
import { isObject } from '../validation/index.js';
import { type BertNormalizer, bertNormalised, bertWords, inLowerCase } from './bert.js';
import { metaspaceOf, metaspacePieces, needsPosition } from './metaspace.js';
import { type NormalisationForm, normalised } from './normalisation-forms.js';
import { PrecompiledCharsmap } from './precompiled-charsmap.js';
import { endOfSpace, splitAtSpace, startOfSpace } from './white-space.js';

type Normalizer = Tokenizer['normalizer'];
type PreTokenizer = Tokenizer['pre_tokenizer'];

function stripped(text: string, { strip_left: left, strip_right: right }: Record<string, unknown>): string {
  const end = right === true ? startOfSpace(text, text.length) : text.length;
  return text.slice(left === true ? Math.min(endOfSpace(text, 0), end) : 0, end);
}

/** What a normalizer of this description gives in Rust; undefined where the library gives the same. */
function rustNormaliser(description: Record<string, unknown>, source: string): ((text: string) => string) | undefined {
  const { type, precompiled_charsmap: charsmap } = description;
  switch (type) {
    case 'BertNormalizer':
      return (text) => bertNormalised(text, description as unknown as BertNormalizer);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => normalised(text, type as NormalisationForm);
    case 'Lowercase':
      return inLowerCase;
    case 'Strip':
      return (text) => stripped(text, description);
    case 'Precompiled': {
      if (typeof charsmap !== 'string' || charsmap === '') return (text) => text;
      const map = new PrecompiledCharsmap(charsmap, source);
      return (text) => map.normalise(text);
    }
    default:
      return undefined;
  }
}

/**
 * Makes the normalizers that @huggingface/tokenizers computes otherwise than the Rust tokenizers compute as these do.
 * @throws DndError CORRUPT_FILE
 */
export function correctNormalizers(normalizer: Normalizer, source: string): void {
  if (normalizer === null) return;
  const description = normalizer.config as Record<string, unknown>;
  if (description.type === 'Sequence' && 'normalizers' in normalizer) {
    for (const one of normalizer.normalizers as Normalizer[]) correctNormalizers(one, source);
  }
  const normalise = rustNormaliser(description, source);
  if (normalise !== undefined) normalizer.normalize = normalise;
}

/**
 * The same for pre-tokenisers.
 * @param unsupported code of the error for what is not
 * @throws DndError `unsupported`
 */
export function correctPreTokenizers(
  preTokenizer: PreTokenizer,
  description: unknown,
  source: string,
  unsupported: ErrorCode,
): void {
  if (preTokenizer === null || !isObject(description)) return;
  if (description.type === 'WhitespaceSplit') preTokenizer.pre_tokenize_text = splitAtSpace;
  else if (description.type === 'BertPreTokenizer') preTokenizer.pre_tokenize_text = bertWords;
  else if (description.type === 'Metaspace') {
    const metaspace = metaspaceOf(description);
    preTokenizer.pre_tokenize_text = (text: string, { section_index: section }: { section_index?: number } = {}) =>
      metaspacePieces(text, metaspace, section === 0);
  } else if (description.type === 'Sequence' && 'tokenizers' in preTokenizer) {
    const parts = preTokenizer.tokenizers as PreTokenizer[];
    const descriptions = Array.isArray(description.pretokenizers) ? description.pretokenizers : [];
    if (descriptions.slice(1).some(needsPosition)) {
      const what = 'a Metaspace with prepend_scheme "first" behind another pre-tokenizer';
      throw new DndError(unsupported, `${source} uses an unsupported feature: ${what}`);
    }
    for (const [i, part] of parts.entries()) correctPreTokenizers(part, descriptions[i], source, unsupported);
  }
}
