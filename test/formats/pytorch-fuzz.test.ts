import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DndError } from '../../src/errors.js';
import { DTYPES, elementCount, isFloatDtype } from '../../src/formats/dtypes.js';
import { PytorchArchive } from '../../src/formats/pytorch/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import * as p from './build-pickle.js';
import { archiveParts, counting } from './build-pytorch.js';
import { mutatedArchive, type Parts } from './pytorch-mutations.js';

const FILES = 10_000;
/** In KiB, as process.resourceUsage() counts. */
const MOST_GROWTH = 256 * 1024;

const bytes = (count: number) => Buffer.from(Uint8Array.from({ length: count }, (_, index) => index * 37));

const SOUND: Parts[] = [
  {
    parts: archiveParts(
      p.dict({
        weight: p.tensor({ key: '0', elements: 6, shape: [2, 3] }),
        transposed: p.tensor({ key: '0', elements: 6, shape: [3, 2], strides: [1, 3] }),
        parameter: p.parameter(p.tensor({ key: '1', type: 'BFloat16', elements: 5, shape: [2, 2], offset: 1 })),
        epoch: p.integer(3),
      }),
      { 0: counting(6), 1: bytes(10) },
    ),
  },
  {
    parts: archiveParts(
      p.build(
        p.join(
          p.orderedDict,
          Buffer.from('('),
          p.text('a.b'),
          p.tensor({ key: '0', type: 'Long', elements: 3, shape: [3] }),
          p.text('c'),
          p.list(p.tensor({ key: '1', type: 'Half', elements: 2, shape: [2, 4], strides: [1, 0] }), p.none),
          Buffer.from('u'),
        ),
        p.dict({ _metadata: p.orderedDict }),
      ),
      { 0: bytes(24), 1: bytes(4) },
    ),
    options: { zip64: true },
  },
  { parts: archiveParts(p.tensor({ key: '0', type: 'Byte', elements: 9, shape: [9] }), { 0: bytes(9) }) },
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-fuzz-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads everything in every way; throws a plain Error where the ways disagree. */
async function readConsistently(archive: PytorchArchive): Promise<void> {
  for (const { name, dtype, shape, byteLength } of archive.tensors.values()) {
    const own = await archive.read(name);
    const expected = elementCount(shape) * DTYPES[dtype].bytes;
    if (own.length !== expected || byteLength !== expected) throw new Error(`${name} has the wrong size`);
    const pieces: Uint8Array[] = [];
    for await (const chunk of archive.chunks(name, own.length > 1000 ? undefined : 9)) pieces.push(chunk.bytes);
    if (!Buffer.concat(pieces).equals(own)) throw new Error(`the pieces of ${name} are not its bytes`);
    if (isFloatDtype(dtype) && (await archive.readFloat32(name)).length !== elementCount(shape)) {
      throw new Error(`${name} has the wrong number of floats`);
    }
  }
}

async function outcomeOf(file: Buffer, path: string): Promise<string> {
  writeFileSync(path, file);
  let archive: PytorchArchive | undefined;
  try {
    archive = await PytorchArchive.open(path);
    await readConsistently(archive);
    return 'READ';
  } catch (error) {
    if (error instanceof DndError && error.message.includes(path)) return error.code;
    throw error;
  } finally {
    await archive?.close();
  }
}

test('10,000 mutated archives: each is read consistently or refused by an error of ours, in little memory', async () => {
  const random = SplitMix64.seeded(20250624);
  const outcomes: Record<string, number> = {};
  const before = process.resourceUsage().maxRSS;
  for (let index = 0; index < FILES; index++) {
    const file = mutatedArchive(SOUND[random.below(SOUND.length)]!, random);
    const outcome = await outcomeOf(file, join(folder, `${index % 50}.pth`));
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(MOST_GROWTH);
  // All three must happen often, or the mutations are too mild or too wild to find anything.
  expect(Object.keys(outcomes).sort()).toEqual(['CORRUPT_FILE', 'READ', 'UNSUPPORTED_FORMAT']);
  expect(outcomes.READ).toBeGreaterThan(FILES / 50);
  expect(outcomes.CORRUPT_FILE).toBeGreaterThan(FILES / 3);
  expect(outcomes.UNSUPPORTED_FORMAT).toBeGreaterThan(FILES / 100);
});
