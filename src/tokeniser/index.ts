/** Tokenisers in Hugging Face's format, whatever model they belong to: texts ↔ token ids. */
export {
  describeTokeniser,
  LibraryTokeniser,
  type TokeniserDescription,
  type TokeniserFiles,
} from './library-tokeniser.js';
