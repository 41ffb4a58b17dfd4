import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { DTYPES, type Dtype, elementCount } from '../../src/formats/dtypes.js';
import { SafetensorsFile, type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const path = () => join(folder(), 'a.safetensors');

function source(name: string, dtype: Dtype, shape: number[], bytes: Uint8Array, pieceBytes = 7): TensorSource {
  return {
    name,
    dtype,
    shape,
    *bytes() {
      for (let start = 0; start < bytes.length; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
    },
  };
}

/** Of packed elements, few shapes take whole bytes. */
const WHOLE_BYTES = (Object.keys(DTYPES) as Dtype[]).filter((dtype) => Number.isInteger(DTYPES[dtype].bytes));

const tensor = fc
  .record({
    name: fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', 'constructor', 'a.b', '"\\\n', '😀', ''),
    ),
    dtype: fc.constantFrom(...WHOLE_BYTES),
    shape: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }),
    pieceBytes: fc.integer({ min: 1, max: 64 }),
  })
  .chain((fields) => {
    const length = elementCount(fields.shape) * DTYPES[fields.dtype].bytes;
    return fc.record({ ...recordOf(fields), bytes: fc.uint8Array({ minLength: length, maxLength: length }) });
  });

function recordOf<Fields extends Record<string, unknown>>(fields: Fields) {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, fc.constant(value)])) as {
    [Key in keyof Fields]: fc.Arbitrary<Fields[Key]>;
  };
}

test('what is written is read again, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 8 }),
      fc.option(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), { nil: undefined }),
      async (tensors, metadata) => {
        const sources = tensors.map((t) => source(t.name, t.dtype, t.shape, t.bytes, t.pieceBytes));
        await writeSafetensors(path(), sources, { metadata });
        const file = await SafetensorsFile.open(path());
        expect(Object.entries(file.metadata).sort()).toEqual(Object.entries(metadata ?? {}).sort());
        expect([...file.tensors.keys()].sort()).toEqual(tensors.map(({ name }) => name).sort());
        for (const { name, dtype, shape, bytes } of tensors) {
          expect(file.tensors.get(name)).toMatchObject({ dtype, shape });
          expect(file.tensors.get(name)!.byteOffset % DTYPES[dtype].bytes).toBe(0);
          expect(Buffer.compare(await file.read(name), bytes)).toBe(0);
        }
        await file.close();
      },
    ),
    { numRuns: 300, seed: 3 },
  );
});

test('the order in which tensors and metadata are given does not change the file', async () => {
  const tensors = [
    source('b', 'F32', [1], new Uint8Array(4).fill(1)),
    source('a', 'U8', [3], new Uint8Array(3).fill(2)),
    source('é', 'F32', [1], new Uint8Array(4).fill(3)),
    source('c', 'I64', [1], new Uint8Array(8).fill(4)),
  ];
  await writeSafetensors(path(), tensors, { metadata: { x: '1', y: '2' } });
  const first = await readFile(path());
  await writeSafetensors(path(), tensors.reverse(), { metadata: { y: '2', x: '1' } });
  expect(Buffer.compare(await readFile(path()), first)).toBe(0);
  expect(Number(first.readBigUInt64LE()) % 8).toBe(0);
  expect(first.subarray(-19).toJSON().data).toEqual([
    ...Array(8).fill(4),
    ...Array(4).fill(1),
    ...Array(4).fill(3),
    2,
    2,
    2,
  ]);
});

test('a file of the reference writer is written again byte for byte', async () => {
  const original = join(__dirname, '..', 'fixtures', 'peft', 'qwen2', 'adapter_model.safetensors');
  const file = await SafetensorsFile.open(original);
  const sources = Array.from(
    file.tensors.values(),
    (info): TensorSource => ({
      ...info,
      async *bytes() {
        yield await file.read(info.name);
      },
    }),
  );
  await writeSafetensors(path(), sources.reverse(), { metadata: file.metadata });
  await file.close();
  expect(Buffer.compare(await readFile(path()), await readFile(original))).toBe(0);
});

test('a source with too few or too many bytes is refused, and the old file stays', async () => {
  await writeFile(path(), 'old');
  for (const [length, got] of [
    [7, '7'],
    [15, '14 or more'],
  ] as const) {
    const writing = writeSafetensors(path(), [source('short', 'F32', [2], new Uint8Array(length))]);
    await expect(writing).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringContaining(`tensor "short", F32 [2], takes 8 bytes, not ${got}`),
    });
  }
  expect(await readFile(path(), 'utf8')).toBe('old');
  expect(await readdir(folder())).toEqual(['a.safetensors']);
});

test('names that no reader would take, and impossible shapes, are refused', async () => {
  const one = new Uint8Array(1);
  const attempts = [
    [source('__metadata__', 'U8', [1], one)],
    [source('\ud800', 'U8', [1], one)],
    [source('a', 'U8', [1], one), source('a', 'U8', [1], one)],
    [source('a', 'U8', [-1], one)],
    [source('a', 'U8', [0.5], one)],
    [source('a', 'U8', [2 ** 40, 2 ** 40], one)],
    [source('x'.repeat(100_000_000), 'U8', [1], one)],
  ];
  for (const tensors of attempts) {
    await expect(writeSafetensors(path(), tensors)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  expect(await readdir(folder())).toEqual([]);
});

test('an abort stops between two pieces, and leaves nothing', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  let asked = 0;
  const endless: TensorSource = {
    name: 'a',
    dtype: 'U8',
    shape: [1000],
    *bytes() {
      for (;;) {
        if (++asked === 3) controller.abort(reason);
        yield new Uint8Array(1);
      }
    },
  };
  await expect(writeSafetensors(path(), [endless], { signal: controller.signal })).rejects.toBe(reason);
  expect(asked).toBe(3);
  expect(await readdir(folder())).toEqual([]);
});

test('progress goes up to 1', async () => {
  const seen: number[] = [];
  await writeSafetensors(path(), [source('a', 'U8', [100], new Uint8Array(100))], {
    onProgress: (fraction) => seen.push(fraction),
  });
  expect(seen.at(-1)).toBe(1);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});
