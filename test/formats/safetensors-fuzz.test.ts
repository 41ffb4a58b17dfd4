import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DndError } from '../../src/errors.js';
import { DTYPES, elementCount, isFloatDtype } from '../../src/formats/dtypes.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { fileBytes } from './build-file.js';
import { mutate } from './mutations.js';

const FILES = 10_000;

const data = (bytes: number) => Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => i * 37));
const SOUND = [
  fileBytes({ __metadata__: { format: 'pt' }, a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] } }, data(24)),
  fileBytes(
    {
      a: { dtype: 'I64', shape: [], data_offsets: [0, 8] },
      b: { dtype: 'F64', shape: [2], data_offsets: [8, 24] },
      'layers.0.weight': { dtype: 'BF16', shape: [2, 2], data_offsets: [24, 32] },
      half: { dtype: 'F16', shape: [3], data_offsets: [32, 38] },
      none: { dtype: 'F32', shape: [4, 0], data_offsets: [38, 38] },
      flags: { dtype: 'BOOL', shape: [2], data_offsets: [38, 40] },
    },
    data(40),
  ),
  fileBytes(
    { é: { dtype: 'U8', shape: [5], data_offsets: [0, 5] }, z: { dtype: 'U8', shape: [1], data_offsets: [5, 6] } },
    data(6),
  ),
  fileBytes({}),
];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-fuzz-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads everything in every way; throws a plain Error where the ways disagree. */
async function readConsistently(file: SafetensorsFile, bytes: Buffer): Promise<void> {
  let end = 8 + Number(bytes.readBigUInt64LE());
  for (const { name, dtype, shape, byteOffset, byteLength } of file.tensors.values()) {
    if (byteOffset !== end) throw new Error(`${name} does not follow what is before it`);
    end += byteLength;
    const own = await file.read(name);
    if (own.length !== elementCount(shape) * DTYPES[dtype].bytes) throw new Error(`${name} has the wrong size`);
    if (!bytes.subarray(byteOffset, byteOffset + byteLength).equals(own)) throw new Error(`${name} is not its bytes`);
    const pieces: Uint8Array[] = [];
    for await (const chunk of file.chunks(name, 9)) pieces.push(chunk.bytes);
    if (!Buffer.concat(pieces).equals(own)) throw new Error(`the pieces of ${name} are not its bytes`);
    if (isFloatDtype(dtype) && (await file.readFloat32(name)).length !== elementCount(shape)) {
      throw new Error(`${name} has the wrong number of floats`);
    }
  }
  if (end !== bytes.length) throw new Error('the tensors do not reach the end of the file');
}

async function outcomeOf(bytes: Buffer, path: string): Promise<string> {
  writeFileSync(path, bytes);
  let file: SafetensorsFile;
  try {
    file = await SafetensorsFile.open(path);
  } catch (error) {
    if (error instanceof DndError && error.message.includes(path)) return error.code;
    throw error;
  }
  try {
    await readConsistently(file, bytes);
    return 'READ';
  } finally {
    await file.close();
  }
}

test('10,000 mutated files: each is read consistently or refused by an error of ours', async () => {
  const random = SplitMix64.seeded(20250624);
  const outcomes: Record<string, number> = {};
  for (let index = 0; index < FILES; index++) {
    const bytes = mutate(SOUND[random.below(SOUND.length)]!, random);
    const outcome = await outcomeOf(bytes, join(folder, `${index % 50}.safetensors`));
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  // Both must happen often, or the mutations are too mild or too wild to find anything.
  expect(Object.keys(outcomes).sort()).toEqual(['CORRUPT_FILE', 'READ']);
  expect(outcomes.READ).toBeGreaterThan(FILES / 50);
  expect(outcomes.CORRUPT_FILE).toBeGreaterThan(FILES / 2);
});
