import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufAdapter } from '../../src/adapter/gguf/index.js';
import { DndError } from '../../src/errors.js';
import {
  dequantise,
  type GgmlType,
  GgufFile,
  type GgufValue,
  ggmlBytes,
  isReadableType,
  writeGguf,
} from '../../src/formats/gguf/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { everyValue } from './gguf-build.js';

const FILES = 10_000;
/** Far below the limit of 256 MB, and above what ten thousand small files leave for the next collection. */
const MOST_BYTES = 2 ** 26;

const folder = mkdtempSync(join(tmpdir(), 'dnd-gguf-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function sound(): Promise<Buffer[]> {
  const tensor = (name: string, type: GgmlType, ...shape: number[]) => ({
    name,
    type,
    shape,
    bytes: () => [new Uint8Array(ggmlBytes(type, shape)!).map((_, i) => (i * 7) % 60)],
  });
  const text = (value: string) => ({ type: 'string' as const, value });
  const adapter = new Map<string, GgufValue>([
    ['general.architecture', text('qwen2')],
    ['general.type', text('adapter')],
    ['adapter.type', text('lora')],
    ['adapter.lora.alpha', { type: 'float32', value: 8 }],
  ]);
  const files = [
    [everyValue(), [tensor('a', 'F32', 3, 2), tensor('b', 'Q4_K', 256, 2), tensor('c', 'I64', 5)]],
    [
      adapter,
      [tensor('blk.0.attn_q.weight.lora_a', 'Q8_0', 32, 2), tensor('blk.0.attn_q.weight.lora_b', 'BF16', 2, 8)],
    ],
    [new Map(), []],
  ] as const;
  const path = join(folder, 'sound.gguf');
  const bytes: Buffer[] = [];
  for (const [metadata, tensors] of files) {
    await writeGguf(path, metadata, tensors);
    bytes.push(readFileSync(path));
  }
  return bytes;
}

const INTERESTING = [
  0n,
  1n,
  2n,
  3n,
  9n,
  31n,
  63n,
  64n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 40n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

type Mutation = (bytes: Buffer, at: number, value: bigint, random: SplitMix64) => Buffer;

/** A copy in which `change` has written. */
function changed(bytes: Buffer, change: (copy: Buffer) => unknown): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, at, _value, random) => changed(bytes, (copy) => copy.writeUInt8(copy[at]! ^ (1 << random.below(8)), at)),
  (bytes, at, _value, random) => changed(bytes, (copy) => copy.writeUInt8(random.below(256), at)),
  (bytes, at, value) => changed(bytes, (copy) => copy.writeBigUInt64LE(value, at)),
  (bytes, at, value) => changed(bytes, (copy) => copy.writeUInt32LE(Number(value & 0xffffffffn), at)),
  (bytes, at, _value, random) =>
    changed(bytes, (copy) => copy.copy(copy, at, random.below(copy.length), random.below(copy.length))),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, _value, random) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(9))]),
  (bytes, at, _value, random) =>
    Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + random.below(9)), bytes.subarray(at)]),
  (bytes, _at, _value, random) => Buffer.concat([bytes, Buffer.alloc(random.below(40), 7)]),
];

/** A file that differs in one to three ways. */
function mutate(file: Buffer, random: SplitMix64): Buffer {
  let bytes = file;
  for (let ways = 1 + random.below(3); ways > 0 && bytes.length > 8; ways--) {
    // Most of what can go wrong is in the header.
    const at = random.below(random.below(4) ? Math.min(bytes.length - 8, 700) : bytes.length - 8);
    const value = INTERESTING[random.below(INTERESTING.length)]!;
    bytes = MUTATIONS[random.below(MUTATIONS.length)]!(bytes, at, value, random);
  }
  return bytes;
}

/** Reads everything; throws a plain Error where a tensor is not what its description says. */
async function readAll(file: GgufFile, size: number): Promise<void> {
  for (const { name, type, shape, offset, bytes } of file.tensors.values()) {
    if (offset + bytes > size || bytes !== ggmlBytes(type, shape)) throw new Error(`${name} has impossible bytes`);
    const own = await file.read(name);
    const elements = shape.reduce((product, length) => product * length, 1);
    if (own.length !== bytes) throw new Error(`${name} was not read whole`);
    if (isReadableType(type) && dequantise(own, type).length !== elements) throw new Error(`${name} lost elements`);
  }
}

async function outcomeOf(path: string, size: number): Promise<string> {
  try {
    const file = await GgufFile.open(path);
    await readAll(file, size).finally(() => file.close());
    await readGgufAdapter(path);
    return 'ADAPTER';
  } catch (error) {
    if (error instanceof DndError && error.message.includes(path)) return error.code;
    throw error;
  }
}

test('10,000 mutated files: each is read consistently or refused by an error of ours, in little memory', async () => {
  const files = await sound();
  const random = SplitMix64.seeded(20250625);
  const outcomes: Record<string, number> = {};
  let most = 0;
  for (let index = 0; index < FILES; index++) {
    const bytes = mutate(files[random.below(files.length)]!, random);
    const path = join(folder, `${index % 50}.gguf`);
    writeFileSync(path, bytes);
    const before = process.memoryUsage().arrayBuffers;
    const outcome = await outcomeOf(path, bytes.length);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  expect(most).toBeLessThan(MOST_BYTES);
  // All must happen, or the mutations are too mild or too wild to find anything.
  expect(Object.keys(outcomes)).toEqual(
    expect.arrayContaining(['ADAPTER', 'CORRUPT_FILE', 'INVALID_WEIGHTS', 'NEWER_FORMAT', 'UNSUPPORTED_FORMAT']),
  );
  expect(outcomes.ADAPTER).toBeGreaterThan(FILES / 100);
  expect(outcomes.CORRUPT_FILE).toBeGreaterThan(FILES / 3);
});
