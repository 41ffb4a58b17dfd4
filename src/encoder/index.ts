/** Text encoders: prompts → token ids → hidden states. */
export { type BertConfig, parseBertConfig } from './bert-config.js';
export { BertEncoder, type EncodeIds } from './bert-encoder.js';
export { BertTextEncoder } from './bert-text-encoder.js';
export { DEFAULT_HASH_CHANNELS, HashEncoder } from './hash-encoder.js';
export { type LoadTextEncoderOptions, loadTextEncoder } from './load.js';
export {
  checkMaxLength,
  type EncodedPrompts,
  type EncodeOptions,
  type EncoderIdentity,
  type Padding,
  type Pooling,
  type TextEncoder,
} from './text-encoder.js';
export { loadTokenCounter, type TokenCounter } from './token-counter.js';
export { type TokenisedPrompts, Tokeniser } from './tokeniser.js';
