/** Text encoders: prompts → token ids → hidden states. */
export { CAUSAL_MODEL_TYPES, CausalTextEncoder } from './causal-text-encoder.js';
export type { EncoderConfig } from './encoder-config.js';
export { MODEL_TYPES, parseEncoderConfig } from './families.js';
export { DEFAULT_HASH_CHANNELS, HashEncoder } from './hash-encoder.js';
export { isCausal, isCausalFolder, type LoadTextEncoderOptions, loadTextEncoder } from './load.js';
export { type EncodeIds, ModelEncoder } from './model-encoder.js';
export { ENCODER_WEIGHTS, isEncoderDescription } from './model-folder.js';
export { ModelTextEncoder } from './model-text-encoder.js';
export {
  allocateStates,
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
export { copiesOf, findWordVectors, WORD_VECTORS, WordVectorsEncoder } from './word-vectors-encoder.js';
