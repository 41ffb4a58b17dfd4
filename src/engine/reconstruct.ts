import { addon } from './addon.js';
import { type JobOptions, runJob } from './job.js';
import { deviceOf, type EngineOptions } from './model.js';
import type { FlatLayout } from './native.js';

/**
 * Reconstructs adapters from weight tokens, as `DecoderEngine.adapters` does from its own.
 *
 * @param tokens [batch, layout.tokens, layout.height, layout.width]; must not change until the end
 * @returns one adapter per task: [layout.elements]
 */
export async function reconstructAdapters(
  tokens: Float32Array,
  batch: number,
  layout: FlatLayout,
  options: EngineOptions & JobOptions = {},
): Promise<Float32Array<ArrayBuffer>[]> {
  const { restoreAdapters } = addon();
  const { native } = await deviceOf(options);
  const adapters = await runJob<ArrayBuffer[]>((done) => restoreAdapters(tokens, batch, layout, native, done), options);
  return adapters.map((values) => new Float32Array(values));
}
