import type { SplitMix64 } from '../../src/random/split-mix.js';
import { fileBytes, rawFileBytes } from './build-file.js';

type Entry = Record<string, unknown>;

/** Values at the edges of what a header may hold. */
const NUMBERS = [0, 1, 3, 7, 8, 255, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 60, 1e300, -1, -0, 0.5, 1e-7];
const DTYPES = ['F32', 'F16', 'BF16', 'F64', 'I64', 'I32', 'U8', 'BOOL', 'F8_E4M3', 'I16', 'f32', '', '__proto__'];
const ODD = [null, true, '', 'F32', [], {}, [[]], { length: 2 }, ...NUMBERS];

function below(random: SplitMix64, limit: number): number {
  if (limit === 0) throw new Error('there is nothing to choose from');
  return random.below(limit);
}

function pick<Value>(random: SplitMix64, values: readonly Value[]): Value {
  return values[below(random, values.length)]!;
}

function split(file: Buffer): { header: Buffer; data: Buffer } {
  const end = 8 + Number(file.readBigUInt64LE());
  return { header: file.subarray(8, end), data: file.subarray(end) };
}

function flipBytes(file: Buffer, random: SplitMix64): Buffer {
  const bytes = Buffer.from(file);
  for (let flips = 1 + below(random, 4); flips > 0; flips--)
    bytes[below(random, bytes.length)]! ^= 1 << below(random, 8);
  return bytes;
}

function truncate(file: Buffer, random: SplitMix64): Buffer {
  return file.subarray(0, below(random, file.length));
}

function extend(file: Buffer, random: SplitMix64): Buffer {
  return Buffer.concat([file, Buffer.alloc(1 + below(random, 40), below(random, 256))]);
}

function changeLength(file: Buffer, random: SplitMix64): Buffer {
  const bytes = Buffer.from(file);
  const length = bytes.readBigUInt64LE();
  const lengths = [
    length + 1n,
    length - 1n,
    length * 2n,
    0n,
    1n,
    BigInt(bytes.length),
    2n ** 63n,
    2n ** 64n - 1n,
    25_000_001n,
  ];
  bytes.writeBigUInt64LE(pick(random, lengths));
  return bytes;
}

/** Cuts, doubles, or overwrites a stretch of the header's text, and says the right length. */
function editText(file: Buffer, random: SplitMix64): Buffer {
  const { header, data } = split(file);
  const start = below(random, header.length);
  const end = Math.min(header.length, start + 1 + below(random, 12));
  const middle = pick(random, [
    Buffer.alloc(0),
    Buffer.concat([header.subarray(start, end), header.subarray(start, end)]),
    Buffer.from(
      pick(random, ['"', '\\', '{', '}', '[', ',', ':', '-', '.', 'e9', '\0', '\ufeff', '\\ud800', '"a":1,']),
    ),
    Buffer.from([0xff, 0xc0, 0x80]),
  ]);
  return rawFileBytes(Buffer.concat([header.subarray(0, start), middle, header.subarray(end)]), data);
}

/** Changes the header as JSON: shapes, offsets, dtypes, names, metadata. */
function editJson(file: Buffer, random: SplitMix64): Buffer {
  const { header, data } = split(file);
  const json = JSON.parse(header.toString()) as Record<string, Entry>;
  const name = pick(
    random,
    Object.keys(json).filter((key) => key !== '__metadata__'),
  );
  const entry = json[name]!;
  const list = (key: 'shape' | 'data_offsets') => entry[key] as unknown[];
  const nudge = (values: unknown[]) => {
    const at = below(random, Math.max(1, values.length));
    values[at] = below(random, 2) ? pick(random, NUMBERS) : Number(values[at]) + pick(random, [-8, -4, -1, 1, 4, 8]);
  };
  const edits = [
    () => nudge(list('shape')),
    () => nudge(list('data_offsets')),
    () => list('shape').push(pick(random, NUMBERS)),
    () => list('shape').reverse(),
    () => list('data_offsets').reverse(),
    () => list('shape').pop(),
    () => list('data_offsets').pop(),
    () => {
      entry.dtype = pick(random, DTYPES);
    },
    () => {
      entry[pick(random, ['shape', 'data_offsets', 'dtype', 'extra'])] = pick(random, ODD);
    },
    () => {
      delete entry[pick(random, ['shape', 'data_offsets', 'dtype'])];
    },
    () => {
      json[name] = pick(random, ODD) as Entry;
    },
    () => {
      delete json[name];
    },
    () => {
      json[pick(random, ['twin', '__metadata__', ''])] = entry;
    },
    () => {
      json.__metadata__ = pick(random, ODD) as Entry;
    },
  ];
  pick(random, edits)();
  return fileBytes(json, data);
}

const MUTATIONS = [flipBytes, truncate, extend, changeLength, editText, editJson, editJson, editJson];

/** A file that differs from `file` in one to three ways. */
export function mutate(file: Buffer, random: SplitMix64): Buffer {
  let mutated = file;
  for (let ways = 1 + below(random, 3); ways > 0; ways--) {
    try {
      mutated = pick(random, MUTATIONS)(mutated, random);
    } catch {
      // The header is too broken, or too empty, for a change that has to understand it.
    }
  }
  return mutated;
}
