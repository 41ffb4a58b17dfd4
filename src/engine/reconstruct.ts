import { addon } from './addon.js';
import { type JobOptions, runJob } from './job.js';
import { deviceOf, type EngineOptions } from './model.js';
import type { FlatLayout } from './native.js';

/**
 * Weight tokens to the weights of adapters, as `DecoderEngine.adapters` does with its own.
 *
 * @param tokens [batch, layout.tokens, layout.height, layout.width]; must not change until the end
 * @returns one adapter for each task: [layout.elements]
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
