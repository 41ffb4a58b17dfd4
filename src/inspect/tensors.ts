import { type Dtype, isFloatDtype, toFloat32 } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import { type Statistics, StatisticsCollector } from '../generator/statistics.js';

export interface TensorSummary {
  name: string;
  dtype: Dtype;
  shape: number[];
  bytes: number;
  /** For floating tensors, if requested. */
  statistics?: Statistics;
}

/** Converting and scanning this many bytes takes a few milliseconds. */
const CHUNK_BYTES = 2 ** 19;

/** Every tensor of a file or set, in the order of the file. */
export async function summariseTensors(
  reader: TensorReader,
  options: { statistics: boolean; signal?: AbortSignal | undefined },
): Promise<TensorSummary[]> {
  const summaries: TensorSummary[] = [];
  for (const { name, dtype, shape, byteLength: bytes } of reader.tensors.values()) {
    const summary: TensorSummary = { name, dtype, shape, bytes };
    if (options.statistics && isFloatDtype(dtype)) {
      const collector = new StatisticsCollector();
      for await (const chunk of reader.chunks(name, CHUNK_BYTES)) {
        options.signal?.throwIfAborted();
        collector.add(toFloat32(chunk.bytes, dtype));
      }
      summary.statistics = collector.result();
    }
    summaries.push(summary);
  }
  return summaries;
}
