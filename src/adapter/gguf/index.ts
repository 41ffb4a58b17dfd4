export { type GgufBase, ggufBaseOf, readGgufBase } from './base.js';
export { comparableGgufBase } from './check.js';
export { type GgufAdapterReadOptions, readGgufAdapter } from './read.js';
export { GGUF_DTYPES, type GgufDtype, type GgufDtypeName } from './tensor-type.js';
export { type GgufAdapterSummary, type GgufAdapterWriteOptions, writeGgufAdapter } from './write.js';
