import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { AdapterLayout, readPeft } from '../../../src/adapter/index.js';
import { DndError } from '../../../src/errors.js';
import { SplitMix64 } from '../../../src/random/split-mix.js';
import { openPairs, pairsLayout, readTarget } from '../../../src/training/pairs/index.js';
import { type ScannedCheckpoint, scanCheckpoint } from '../../../src/training/pairs/scan.js';
import { abortedAfterTicks } from '../../encoder/event-loop.js';
import { mutate } from '../../formats/mutations.js';
import { TINY_BASE } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { checkpointPath, writeCheckpoint, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const PEFT = join(__dirname, '../../fixtures/peft');

function scan(path: string): Promise<ScannedCheckpoint> {
  return scanCheckpoint({ name: 'x', path, folder: join(path, '..'), bytes: 0 }, {});
}

test.each(['qwen2', 'llama_rslora'])('a checkpoint as PEFT wrote it: %s', async (name) => {
  const scanned = await scan(join(PEFT, name, 'adapter_model.safetensors'));
  const adapter = await readPeft(join(PEFT, name));
  expect(scanned.layout.toJSON()).toEqual(adapter.layout().toJSON());
  expect(scanned.config!.alpha).toBe(adapter.config.alpha);
  const values = [...adapter.tensors.values()].flatMap(({ data }) => [...data]);
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(scanned.weights.norm).toBeCloseTo(Math.sqrt(squares), 8);
  expect(scanned.weights.standardDeviation).toBeCloseTo(Math.sqrt(squares / values.length - mean ** 2), 8);
  const target = await readTarget(scanned, scanned.layout);
  const weights = new Map(Array.from(adapter.tensors, ([tensor, { data }]) => [tensor, data]));
  expect(target).toEqual(scanned.layout.tokenise(weights));
});

test('any damage to a file: a sound checkpoint of other numbers, or an error of ours, never a crash', async () => {
  await writePairs(temporary(), { tasks: { a: { checkpoints: 1 } }, modules: ['k_proj', 'down_proj'] });
  const path = checkpointPath(temporary(), 'a', 1);
  const sound = await readFile(path);
  const before = await scan(path);
  const outcomes = { sound: 0, refused: 0 };
  const seeds = fc.array(fc.nat(), { minLength: 20, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(seeds, async (drawn) => {
      for (const seed of drawn) {
        const bytes = mutate(sound, SplitMix64.seeded(seed));
        await writeFile(path, bytes);
        const scanned = await scan(path).catch((error) => error);
        if (scanned instanceof DndError) {
          outcomes.refused++;
          expect(scanned.code).toMatch(
            /^(?:CORRUPT_FILE|UNSUPPORTED_\w+|SHAPE_MISMATCH|INVALID_WEIGHTS|INVALID_ARGUMENT)$/,
          );
          continue;
        }
        outcomes.sound++;
        // Whatever is accepted must be usable for training, and have a new digest.
        const tokens = await readTarget(scanned, scanned.layout);
        expect(tokens.every((value) => Number.isNaN(value) || Number.isFinite(value))).toBe(true);
        expect(tokens).toHaveLength(scanned.layout.size);
        expect(scanned.sha256 === before.sha256).toBe(bytes.equals(sound));
      }
    }),
    { numRuns: 40 },
  );
  expect(outcomes.sound).toBeGreaterThan(10);
  expect(outcomes.refused).toBeGreaterThan(100);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e38])(
  '%d anywhere is found, and its place is told',
  async (value) => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 1 } } });
    const path = checkpointPath(temporary(), 'a', 1);
    const { layout } = await scan(path);
    const adapter = await readPeft(join(path, '..'));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: layout.elementCount - 1 }), async (element) => {
        const tensor = layout.tensors.find(({ offset, shape }) => element < offset + shape[0] * shape[1])!;
        const at = element - tensor.offset;
        const tensors = new Map(
          Array.from(adapter.tensors, ([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
        );
        tensors.get(tensor.name)!.data[at] = value;
        await writeCheckpoint(path, tensors, { style: 'plain', rank: 2, alpha: 4, modules: layout.modules });
        const place = `${tensor.name} holds ${Math.fround(value)} at [${Math.floor(at / tensor.shape[1])}, ${at % tensor.shape[1]}]`;
        await expect(scan(path)).rejects.toMatchObject({
          code: 'INVALID_WEIGHTS',
          message: expect.stringContaining(place),
        });
      }),
      { numRuns: 15 },
    );
  },
);

describe('a target', () => {
  test('of a checkpoint that has another layout, or has changed since, fails with its name', async () => {
    await writePairs(temporary(), { tasks: { a: { checkpoints: 2 } } });
    const pairs = await openPairs(temporary());
    const checkpoint = pairs.tasks[0]!.checkpoints[0]!;
    const wider = new AdapterLayout({ base: TINY_BASE, rank: 3 });
    await expect(readTarget(checkpoint, wider)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(/^a\/checkpoints\/checkpoint-1: .*\[3, 64\], got F32 of shape \[2, 64\]/),
    });
    const deeper = new AdapterLayout({ base: { ...TINY_BASE, layers: 3 }, rank: 2 });
    await expect(readTarget(checkpoint, deeper)).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(/^a\/checkpoints\/checkpoint-1 has no tensor .*layers\.2\./),
    });
    const bytes = await readFile(checkpoint.path);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(checkpoint.path, bytes);
    await expect(readTarget(checkpoint, pairsLayout(pairs))).rejects.toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringContaining('a/checkpoints/checkpoint-1: '),
    });
    const stopped = AbortSignal.abort('enough');
    await expect(readTarget(checkpoint, pairsLayout(pairs), stopped)).rejects.toBe('enough');
  });

  test('of matrices that are read in several pieces is as of small ones', async () => {
    const base = { ...TINY_BASE, intermediate: 2 ** 17, layers: 1 };
    await writePairs(temporary(), {
      base,
      rank: 10,
      modules: ['q_proj', 'down_proj'],
      tasks: { a: { checkpoints: 2 } },
    });
    const path = checkpointPath(temporary(), 'a', 2);
    const adapter = await readPeft(join(path, '..'));
    const layout = adapter.layout();
    const weights = new Map(Array.from(adapter.tensors, ([name, { data }]) => [name, data]));
    const target = Buffer.from((await readTarget({ name: 'x', path }, layout)).buffer);
    expect(target.equals(Buffer.from(layout.tokenise(weights).buffer))).toBe(true);
    const twin = await scan(path);
    expect([twin.sha256, twin.tensorsSha256]).not.toContain((await scan(checkpointPath(temporary(), 'a', 1))).sha256);
  });

  test('of a large checkpoint is read without blocking the event loop, as is the checkpoint itself', async () => {
    const base = { ...TINY_BASE, hidden: 512, headDim: 128, intermediate: 2048, layers: 4 };
    await writePairs(temporary(), { base, rank: 16, tasks: { a: { checkpoints: 2 } } });
    const path = checkpointPath(temporary(), 'a', 1);
    for (const work of [() => scan(path), async () => readTarget({ name: 'x', path }, (await scan(path)).layout)]) {
      const count = abortedAfterTicks(Number.POSITIVE_INFINITY);
      await work();
      count.end();
      expect(count.turns()).toBeGreaterThan(10);
    }
  });
});
