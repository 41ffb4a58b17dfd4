export { SafetensorsFile } from './file.js';
export type { TensorChunk, TensorInfo, TensorPiece, TensorReader } from './reader.js';
export { INDEX_SUFFIX, SafetensorsSet, shardsOf } from './set.js';
export { type TensorSource, type WriteOptions, writeSafetensors } from './write.js';
export { type ShardedWriteOptions, writeSafetensorsSharded } from './write-sharded.js';
