import {
  dequantise,
  GGML_TYPES,
  type GgmlType,
  GgufFile,
  type GgufMetadata,
  type GgufValue,
  isReadableType,
} from '../formats/gguf/index.js';
import { type Statistics, StatisticsCollector } from '../generator/statistics.js';

export interface GgufTensorSummary {
  name: string;
  /** As ggml names it. */
  dtype: GgmlType;
  /** In ggml's order: the contiguous axis first. */
  shape: number[];
  bytes: number;
  /** Of the dequantised values, if requested; of integers and of types that are not read there are none. */
  statistics?: Statistics;
}

export type GgufMetadataSummary = string | number | boolean | GgufArraySummary;

/** An array, such as a vocabulary, by its first values. */
export interface GgufArraySummary {
  of: string;
  count: number;
  first: (string | number | boolean)[];
}

export interface GgufInspection {
  type: 'gguf';
  path: string;
  version: number;
  metadata: Record<string, GgufMetadataSummary>;
  tensors: GgufTensorSummary[];
}

const SHOWN_VALUES = 5;

/** Dequantising and scanning this many bytes takes a few milliseconds. */
const CHUNK_BYTES = 2 ** 18;

/** Of an adapter, as of PEFT folders, statistics are computed unless refused. Errors: as `GgufFile` */
export async function inspectGguf(
  path: string,
  { statistics, signal }: { statistics?: boolean | undefined; signal?: AbortSignal | undefined },
): Promise<GgufInspection> {
  const file = await GgufFile.open(path);
  try {
    const wanted = statistics ?? file.metadata.get('general.type')?.value === 'adapter';
    const tensors: GgufTensorSummary[] = [];
    for (const { name, type, shape, bytes } of file.tensors.values()) {
      const summary: GgufTensorSummary = { name, dtype: type, shape, bytes };
      tensors.push(wanted ? { ...summary, ...(await statisticsOf(file, name, type, signal)) } : summary);
    }
    return { type: 'gguf', path, version: file.version, metadata: summaryOf(file.metadata), tensors };
  } finally {
    await file.close();
  }
}

async function statisticsOf(
  file: GgufFile,
  name: string,
  type: GgmlType,
  signal: AbortSignal | undefined,
): Promise<{ statistics?: Statistics }> {
  if (!isReadableType(type)) return {};
  const { blockBytes } = GGML_TYPES[type];
  const collector = new StatisticsCollector();
  for await (const bytes of file.chunks(name, Math.floor(CHUNK_BYTES / blockBytes) * blockBytes)) {
    signal?.throwIfAborted();
    collector.add(dequantise(bytes, type));
  }
  return { statistics: collector.result() };
}

function summaryOf(metadata: GgufMetadata): Record<string, GgufMetadataSummary> {
  // Without a prototype, so that no key, not even __proto__, has a special meaning.
  const summary: Record<string, GgufMetadataSummary> = Object.create(null);
  for (const [key, value] of metadata) summary[key] = shown(value);
  return summary;
}

function shown(value: GgufValue): GgufMetadataSummary {
  if (value.type !== 'array') return plain(value.value);
  const { of, values } = value.value;
  return { of, count: values.length, first: Array.from(values.slice(0, SHOWN_VALUES), plain) };
}

/** JSON has no 64-bit integers: beyond exact numbers they are texts. */
function plain(value: string | number | boolean | bigint): string | number | boolean {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}
