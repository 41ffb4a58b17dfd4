/** Tokenisers in Hugging Face's format, whatever model they belong to: texts ↔ token ids. */

export { BERT_PUNCTUATION, type BertNormalizer, IDEOGRAPH } from './bert.js';
export {
  describeTokeniser,
  LibraryTokeniser,
  type TokeniserDescription,
  type TokeniserFiles,
} from './library-tokeniser.js';
