import type { AdapterLayout } from '../adapter/index.js';
import { type DecoderEngine, formatBytes, MemoryBudget } from '../engine/index.js';

/**
 * Before the parameters are filled: is there room in the host's memory for them and one prompt set?
 * @param limitBytes of a CPU's memory; a CUDA device keeps to its limit by itself
 * @throws DndError OUT_OF_MEMORY with the need
 */
export function requireDecoderMemory(
  engine: DecoderEngine,
  layout: AdapterLayout,
  limitBytes: number | undefined,
): void {
  const onCpu = engine.device.kind === 'cpu';
  const batch = onCpu ? engine.batchBytes(1, layout.elementCount) : engine.operandBytes(1, layout.elementCount);
  new MemoryBudget(onCpu ? limitBytes : undefined).require({
    purpose: `the generator (${formatBytes(engine.parameterBytes)} of parameters and ${formatBytes(batch)} for one prompt set)`,
    bytes: engine.parameterBytes + batch,
    lower: 'use a smaller generator',
  });
}
