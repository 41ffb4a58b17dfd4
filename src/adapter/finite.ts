import { eventLoopYielder } from '../async/index.js';
import { DndError } from '../errors.js';
import { firstNonFinite } from '../formats/non-finite.js';
import { errorMessage } from '../validation/index.js';
import type { LoraAdapter } from './lora-adapter.js';
import { loraScale } from './merge.js';

/** Checking this many values takes about a millisecond. */
const SLICE = 2 ** 17;

/**
 * @param name of the adapter, for messages
 * @throws DndError INVALID_WEIGHTS for NaN or an infinity, in a weight or in the scale of a module; `signal.reason`
 */
export async function requireFinite(
  adapter: LoraAdapter,
  name: string,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const yieldToEventLoop = eventLoopYielder();
  for (const [tensor, { shape, data }] of adapter.tensors) {
    for (let first = 0; first < data.length; first += SLICE) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const found = firstNonFinite(data.subarray(first, first + SLICE));
      if (found === -1) continue;
      const index = first + found;
      const place = `[${Math.floor(index / shape[1]!)}, ${index % shape[1]!}]`;
      throw invalid(`${name}: ${tensor}`, 'finite weights', `${data[index]} at ${place}`);
    }
  }
  for (const module of adapter.moduleNames()) {
    const scale = loraScale(adapter.config, module, adapter.pair(module).rank);
    if (!Number.isFinite(scale)) throw invalid(`${name}: ${module}`, 'a finite scale', String(scale));
  }
}

function invalid(what: string, expected: string, shown: string): DndError {
  const advice = 'train or export the adapter again; these numbers carry nothing';
  return new DndError('INVALID_WEIGHTS', errorMessage({ what, problem: 'is not finite', expected, shown, advice }));
}
