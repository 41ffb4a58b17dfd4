import { crc32 } from 'node:zlib';
import type { SplitMix64 } from '../../src/random/split-mix.js';
import { type ZipOptions, type ZipPart, zipBytes } from './build-zip.js';

/** An archive before it is put together, so that a mutated pickle still has the right checksum. */
export interface Parts {
  parts: readonly ZipPart[];
  options?: ZipOptions;
}

const NUMBERS = [0, 1, 7, 8, 0x7fff, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff];
/** Operations of pickle, used and unused, and what surrounds them. */
const CODES = [
  ...Buffer.from('(.Nabcehjqrstu]})RQXBCGJKMio0\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x93\x94\x95', 'latin1'),
];

function pick<Value>(random: SplitMix64, values: readonly Value[]): Value {
  return values[random.below(values.length)]!;
}

function flip(bytes: Uint8Array, random: SplitMix64): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length === 0) return copy;
  for (let flips = 1 + random.below(3); flips > 0; flips--) copy[random.below(copy.length)]! ^= 1 << random.below(8);
  return copy;
}

function cut(bytes: Uint8Array, random: SplitMix64): Buffer {
  return Buffer.from(bytes.subarray(0, random.below(bytes.length + 1)));
}

/** Cuts, doubles or overwrites a stretch. */
function edit(bytes: Uint8Array, random: SplitMix64): Buffer {
  const start = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, start + random.below(12));
  const stretch = Buffer.from(bytes.subarray(start, end));
  const operation = Buffer.from([pick(random, CODES)]);
  const middle = pick(random, [
    Buffer.alloc(0),
    operation,
    Buffer.concat([stretch, stretch]),
    Buffer.concat([operation, stretch]),
  ]);
  return Buffer.concat([bytes.subarray(0, start), middle, bytes.subarray(end)]);
}

/** Overwrites a 32-bit number. */
function writeNumber(bytes: Uint8Array, random: SplitMix64): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length >= 4) copy.writeUInt32LE(pick(random, NUMBERS), random.below(copy.length - 3));
  return copy;
}

/** Changes a part, mostly the pickle, and mostly with the checksum that fits. */
function changePart({ parts, options }: Parts, random: SplitMix64): Parts {
  const at = random.below(3) > 0 ? 0 : random.below(parts.length);
  const part = parts[at]!;
  const data = pick(random, [flip, cut, edit, edit, writeNumber])(part.data, random);
  const crc = random.below(10) > 0 ? {} : { crc: crc32(part.data) };
  return { parts: parts.with(at, { ...part, data, ...crc }), ...(options && { options }) };
}

function changeHeader({ parts, options }: Parts, random: SplitMix64): Parts {
  const at = random.below(parts.length);
  const changes: Partial<ZipPart>[] = [
    { method: pick(random, [8, 12, 99]) },
    { flags: pick(random, [1, 8, 0x40, 0x800, 0xffff]) },
    { crc: 0 },
    { claims: pick(random, NUMBERS) },
    { name: pick(random, ['archive/../x', '/x', 'archive/data/0', 'archive/data.pkl', 'a', 'archive/']) },
    { localName: 'archive/x' },
  ];
  return { parts: parts.with(at, { ...parts[at]!, ...pick(random, changes) }), ...(options && { options }) };
}

function changeList({ parts, options }: Parts, random: SplitMix64): Parts {
  const at = random.below(parts.length);
  const lists = [parts.toSpliced(at, 1), [...parts, parts[at]!], parts.toReversed()];
  const all = { zip64: random.below(2) === 1, comment: pick(random, ['', 'PK\x05\x06', 'comment']) };
  return { parts: pick(random, lists), options: random.below(2) === 0 ? (options ?? {}) : all };
}

/** The bytes of an archive that differs from a sound one in one to four ways. */
export function mutatedArchive(sound: Parts, random: SplitMix64): Buffer {
  let archive = sound;
  for (let ways = 1 + random.below(2); ways > 0; ways--) {
    archive = pick(random, [changePart, changePart, changePart, changeHeader, changeList])(archive, random);
  }
  const bytes = zipBytes(archive.parts, archive.options);
  if (random.below(3) > 0) return bytes;
  return pick(random, [flip, cut, edit, writeNumber])(bytes, random);
}
