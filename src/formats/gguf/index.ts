export { dequantise, isReadableType, READABLE_TYPES, type ReadableType } from './dequantise.js';
export { GgufFile } from './file.js';
export type { GgufTensor } from './header.js';
export { isGguf } from './is-gguf.js';
export { metadataFlag, metadataNumber, metadataNumbers, metadataTexts } from './metadata.js';
export { hasInfiniteScale, type QuantisedType, quantise } from './quantise.js';
export { GGML_TYPES, type GgmlType, ggmlBytes, ggmlTypeOf } from './tensor-types.js';
export {
  type GgufArray,
  type GgufElementType,
  type GgufMetadata,
  type GgufNumbers,
  type GgufValue,
  type GgufValueType,
  metadataCount,
  metadataText,
} from './values.js';
export { type GgufTensorSource, type GgufWriteOptions, writeGguf } from './write.js';
