import type { AdapterLayout } from '../adapter/index.js';
import { type DecoderEngine, formatBytes, MemoryBudget } from '../engine/index.js';
import type { Basis } from './basis.js';

interface Results {
  layout: AdapterLayout;
  basis: Basis | undefined;
}

/** What becomes of a decoder's output: an adapter and, of coefficients, weight tokens before. In elements. */
export function resultElements({ layout, basis }: Results): number {
  return layout.elementCount + (basis?.size ?? 0);
}

/**
 * Checks, before the parameters are filled, that they and one prompt set fit into host memory.
 * @param limitBytes for a CPU; a CUDA device enforces its limit itself
 * @throws DndError OUT_OF_MEMORY, stating the need
 */
export function requireDecoderMemory(engine: DecoderEngine, results: Results, limitBytes: number | undefined): void {
  const onCpu = engine.device.kind === 'cpu';
  const elements = resultElements(results);
  const batch = onCpu ? engine.batchBytes(1, elements) : engine.operandBytes(1, elements);
  new MemoryBudget(onCpu ? limitBytes : undefined).require({
    purpose: `the generator (${formatBytes(engine.parameterBytes)} of parameters and ${formatBytes(batch)} for one prompt set)`,
    bytes: engine.parameterBytes + batch,
    lower: 'use a smaller generator',
  });
}
