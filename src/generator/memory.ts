import type { AdapterLayout } from '../adapter/index.js';
import { type DecoderEngine, formatBytes, MemoryBudget } from '../engine/index.js';

/**
 * Checks, before the parameters are filled, that they and one prompt set fit into host memory.
 * @param limitBytes for a CPU; a CUDA device enforces its limit itself
 * @throws DndError OUT_OF_MEMORY, stating the need
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
