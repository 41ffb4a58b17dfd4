export { SafetensorsFile } from './file.js';
export type { ChunkOptions, TensorChunk, TensorInfo, TensorPiece, TensorReader } from './reader.js';
export { SafetensorsSet } from './set.js';
export { INDEX_SUFFIX, isIndex, openShards, PYTORCH_INDEX_SUFFIX, Shards, shardsOf } from './shards.js';
export { type TensorSource, type WriteOptions, writeSafetensors } from './write.js';
export { type ShardedWriteOptions, writeSafetensorsSharded } from './write-sharded.js';
