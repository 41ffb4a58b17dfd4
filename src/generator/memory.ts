import { type DecoderEngine, formatBytes, requireMemory } from '../engine/index.js';
import { conditionShape, type DecoderShape, type Feature, tokenShape } from './decoder-shape.js';

/** Bytes of one batch beside the parameters: conditions, working memory, weight tokens. */
export function batchBytes(engine: DecoderEngine, shape: DecoderShape, batch: number): number {
  return engine.workspaceBytes(batch) + batch * (bytesOf(conditionShape(shape)) + bytesOf(tokenShape(shape)));
}

/**
 * Before the parameters are filled: is there room for them and one prompt set?
 * @throws DndError OUT_OF_MEMORY with the need
 */
export function requireRoom(engine: DecoderEngine, shape: DecoderShape, limitBytes: number | undefined): void {
  const batch = batchBytes(engine, shape, 1);
  requireMemory({
    purpose: `the generator (${formatBytes(engine.parameterBytes)} of parameters and ${formatBytes(batch)} for one prompt set)`,
    bytes: engine.parameterBytes + batch,
    lower: 'use a smaller generator',
    limitBytes,
  });
}

function bytesOf([tokens, height, width]: Feature): number {
  return tokens * height * width * Float32Array.BYTES_PER_ELEMENT;
}
