import { cpuInfo, EncoderEngine } from '../../src/engine/index.js';
import { numbers } from './decoders.js';

const CONFIG = {
  vocabSize: 50,
  hiddenSize: 16,
  layers: 2,
  heads: 4,
  intermediateSize: 24,
  maxPositions: 12,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  activation: 'gelu',
} as const;

const engines: EncoderEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function encoder(threads?: number) {
  const engine = await EncoderEngine.create({ ...CONFIG, threads });
  engines.push(engine);
  engine.parameters.forEach(({ name, shape }, index) => {
    const values = numbers(
      shape.reduce((product, size) => product * size, 1),
      index + 1,
    );
    engine.writeParameter(name, 0, new Uint8Array(values.buffer), 'F32');
  });
  return engine;
}

const ids = Int32Array.from({ length: 3 * 8 }, (_, index) => (index * 7) % 50);
const mask = Int32Array.from({ length: 3 * 8 }, (_, index) => (index % 8 < 5 ? 1 : 0));
const shape = { prompts: 3, length: 8, window: 8, padding: 'encode', pooling: 'none' } as const;

test('states have the shape of their pooling', async () => {
  const engine = await encoder();
  expect(await engine.encode(ids, mask, shape)).toHaveLength(3 * 8 * 16);
  expect(await engine.encode(ids, mask, { ...shape, pooling: 'mean' })).toHaveLength(3 * 16);
  expect(await engine.encode(ids, mask, { ...shape, pooling: 'cls' })).toHaveLength(3 * 16);
});

test('cls is the first state, mean that of the real tokens; padding may be zeros', async () => {
  const engine = await encoder();
  const states = await engine.encode(ids, mask, { ...shape, padding: 'zero' });
  const cls = await engine.encode(ids, mask, { ...shape, pooling: 'cls' });
  const mean = await engine.encode(ids, mask, { ...shape, pooling: 'mean' });
  for (let prompt = 0; prompt < 3; prompt++) {
    const state = (position: number) => states.subarray((prompt * 8 + position) * 16, (prompt * 8 + position + 1) * 16);
    for (let channel = 0; channel < 16; channel++) {
      expect(cls[prompt * 16 + channel]).toBeCloseTo(state(0)[channel]!, 5);
      const sum = [0, 1, 2, 3, 4].reduce((total, position) => total + state(position)[channel]!, 0);
      expect(mean[prompt * 16 + channel]).toBeCloseTo(sum / 5, 5);
      expect(state(5)[channel]).toBe(0);
    }
  }
});

test('states have the same bytes for any number of threads, and whatever else is in the batch', async () => {
  const [one, three] = [await encoder(1), await encoder(3)];
  const states = await one.encode(ids, mask, shape);
  expect(await three.encode(ids, mask, shape)).toEqual(states);
  const alone = await three.encode(ids.slice(8, 16), mask.slice(8, 16), { ...shape, prompts: 1 });
  expect(alone).toEqual(states.slice(8 * 16, 16 * 16));
});

test.each<[string, Int32Array, Int32Array, object, RegExp]>([
  ['too few ids', ids.slice(1), mask, {}, /ids: expected 96 bytes, int32 \[3, 8\], got 92 bytes/],
  ['too long a mask', ids, new Int32Array(25), {}, /mask: expected 96 bytes, int32 \[3, 8\], got 100 bytes/],
  [
    'a window that does not divide the length',
    ids,
    mask,
    { window: 3 },
    /window: expected a divisor of the length 8, got 3/,
  ],
  [
    'a window beyond the positions',
    new Int32Array(39),
    new Int32Array(39),
    { length: 13, window: 13 },
    /window: .*≤ 12, got 13/,
  ],
  ['an unknown padding', ids, mask, { padding: 'left' }, /padding: expected one of "encode", "zero", got "left"/],
  ['an unknown pooling', ids, mask, { pooling: 'max' }, /pooling: expected one of "none", "mean", "cls", got "max"/],
  ['an id outside the vocabulary', ids.map((id, index) => (index === 9 ? 50 : id)), mask, {}, /50/],
  ['a negative id', ids.map((id, index) => (index === 9 ? -1 : id)), mask, {}, /-1/],
])('%s: refused', async (_what, someIds, someMask, change, message) => {
  const engine = await encoder();
  await expect(engine.encode(someIds, someMask, { ...shape, ...change })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

test.each([{ heads: 3 }, { layerNormEps: 0 }, { layers: 0 }, { vocabSize: 1.5 }, { activation: 'swish' as 'gelu' }])(
  'an encoder with %p is refused',
  async (change) => {
    await expect(EncoderEngine.create({ ...CONFIG, ...change })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  },
);

test('disposal ends every use and stops running work', async () => {
  const engine = await encoder();
  const job = engine.encode(ids, mask, shape);
  const another = engine.encode(ids, mask, shape);
  engine.dispose();
  engine.dispose();
  await expect(another).rejects.toMatchObject({ code: 'DISPOSED' });
  await job.catch((error) => expect(error).toMatchObject({ code: 'DISPOSED' }));
  await expect(engine.encode(ids, mask, shape)).rejects.toMatchObject({ code: 'DISPOSED' });
});

(cpuInfo().bfloat16 ? test : test.skip)(
  'with bf16, on a CPU with AVX512-BF16, packed weights count as memory',
  async () => {
    const large = { ...CONFIG, hiddenSize: 256, intermediateSize: 1024 };
    const create = async (options: Partial<Parameters<typeof EncoderEngine.create>[0]>) => {
      const engine = await EncoderEngine.create({ ...large, ...options });
      engines.push(engine);
      return engine;
    };
    const [plain, rounded] = [await create({}), await create({ precision: 'bf16' })];
    const packed = 2 * large.layers * (4 * 256 * 256 + 2 * 256 * 1024);
    expect(rounded.workspaceBytes(shape) - plain.workspaceBytes(shape)).toBe(packed);
    await plain.prepare();
    await rounded.prepare();
    expect([plain, rounded].map((engine) => engine.deviceMemory().heldBytes)).toEqual([0, packed]);

    const memoryLimitBytes = plain.parameterBytes + plain.workspaceBytes(shape) + packed / 2;
    const limited = await create({ precision: 'bf16', memoryLimitBytes });
    await expect(limited.prepare()).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/preparing the text encoder.*use a smaller text encoder/),
    });
  },
);
