import { type AdapterLayout, LoraAdapter } from '../adapter/index.js';
import { breather, type LongOperation } from '../async.js';
import { DndError } from '../errors.js';
import type { AdapterSettings } from './manifest.js';
import type { AdapterSummary } from './report.js';
import { StatisticsCollector } from './statistics.js';

/** Restoring takes about three times as long as looking at what came out. */
const RESTORE_SHARE = 0.75;

/**
 * Weight tokens of one adapter, [tokenCount, tokenHeight, tokenWidth], back to the adapter, and what it is like.
 * @throws DndError INVALID_WEIGHTS when a tensor is not finite
 */
export async function restoreAdapter(
  layout: AdapterLayout,
  settings: AdapterSettings,
  tokens: Float32Array,
  { signal, onProgress }: LongOperation,
): Promise<{ adapter: LoraAdapter; summary: AdapterSummary }> {
  const adapter = await LoraAdapter.fromTokens(layout, tokens, settings, {
    signal,
    onProgress: (fraction) => onProgress?.(fraction * RESTORE_SHARE),
  });
  const modules = await moduleStatistics(layout, adapter, signal);
  onProgress?.(1);
  const parts = Object.values(modules).flatMap(({ A, B }) => [A, B]);
  const { rank, alpha, useRslora } = settings;
  const summary = {
    rank,
    alpha,
    useRslora,
    tensors: adapter.tensors.size,
    parameters: parts.reduce((sum, { count }) => sum + count, 0),
    norm: Math.hypot(...parts.map(({ norm }) => norm)),
    modules,
  };
  return { adapter, summary };
}

async function moduleStatistics(
  layout: AdapterLayout,
  adapter: LoraAdapter,
  signal: AbortSignal | undefined,
): Promise<AdapterSummary['modules']> {
  const collectors = new Map(
    layout.modules.map((module) => [module, { A: new StatisticsCollector(), B: new StatisticsCollector() }]),
  );
  const breathe = breather();
  for (const { name, module, part } of layout.tensors) {
    await breathe();
    signal?.throwIfAborted();
    const collector = collectors.get(module)![part];
    collector.add(adapter.tensors.get(name)!.data);
    const { nan, infinite } = collector.result();
    if (nan + infinite > 0)
      throw new DndError(
        'INVALID_WEIGHTS',
        `the decoder's output has ${nan} NaN and ${infinite} infinite values in ${name}: the generator's weights are damaged or far too large`,
      );
  }
  return Object.fromEntries(Array.from(collectors, ([module, { A, B }]) => [module, { A: A.result(), B: B.result() }]));
}
