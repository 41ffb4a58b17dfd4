import { type DecoderEngine, formatBytes, requireMemory } from '../engine/index.js';

/**
 * Before the parameters are filled: is there room for them and one prompt set?
 * @throws DndError OUT_OF_MEMORY with the need
 */
export function requireRoom(engine: DecoderEngine, limitBytes: number | undefined): void {
  const batch = engine.batchBytes(1);
  requireMemory({
    purpose: `the generator (${formatBytes(engine.parameterBytes)} of parameters and ${formatBytes(batch)} for one prompt set)`,
    bytes: engine.parameterBytes + batch,
    lower: 'use a smaller generator',
    limitBytes,
  });
}
