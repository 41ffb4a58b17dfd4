import { type AdapterLayout, LoraAdapter } from '../adapter/index.js';
import { eventLoopYielder, type LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import type { AdapterSettings } from './manifest.js';
import type { AdapterSummary } from './report.js';
import { StatisticsCollector } from './statistics.js';

/**
 * Wraps reconstructed weights, [layout.elementCount], as an adapter with its summary.
 * @throws DndError INVALID_WEIGHTS if a tensor is not finite
 */
export async function reconstructAdapter(
  layout: AdapterLayout,
  settings: AdapterSettings,
  values: Float32Array,
  operation: LongOperation,
): Promise<{ adapter: LoraAdapter; summary: AdapterSummary }> {
  const adapter = LoraAdapter.fromValues(layout, values, settings);
  const modules = await moduleStatistics(layout, adapter, operation);
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
  { signal, onProgress }: LongOperation,
): Promise<AdapterSummary['modules']> {
  const collectors = new Map(
    layout.modules.map((module) => [module, { A: new StatisticsCollector(), B: new StatisticsCollector() }]),
  );
  const yieldToEventLoop = eventLoopYielder();
  for (const { name, module, part, firstToken, tokenCount } of layout.tensors) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const collector = collectors.get(module)![part];
    collector.add(adapter.tensors.get(name)!.data);
    const { nan, infinite } = collector.result();
    if (nan + infinite > 0)
      throw new DndError(
        'INVALID_WEIGHTS',
        `the decoder's output has ${nan} NaN and ${infinite} infinite values in ${name}: the generator's weights are damaged or diverged`,
      );
    onProgress?.((firstToken + tokenCount) / layout.tokenCount);
  }
  return Object.fromEntries(Array.from(collectors, ([module, { A, B }]) => [module, { A: A.result(), B: B.result() }]));
}
