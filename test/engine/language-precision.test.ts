import { CausalEngine, CausalTrainerEngine, cpuInfo } from '../../src/engine/index.js';
import { ADAMW, adaptersFor, createModel, LARGE, LORA, SIZES, sequencesOf } from './causals.js';
import { resultOf } from './child.js';

jest.setTimeout(120_000); // the machine may be slow and shared

const engines: { dispose(): void }[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function model(...args: Parameters<typeof createModel>): Promise<CausalEngine> {
  const engine = await createModel(...args);
  engines.push(engine);
  return engine;
}

/** Wide enough for the errors of rounding to be like those of real models. */
const WIDE = { ...LARGE, vocabSize: 300, hiddenSize: 64, layers: 2, heads: 4, headWidth: 16, intermediateSize: 160 };
const sizes = { ...WIDE, windows: [0, 0], inverseFrequencies: WIDE.inverseFrequencies.slice(0, 8) };

function relativeError(values: Float32Array, expected: Float32Array): number {
  const sum = (of: (i: number) => number) => expected.reduce((total, _, i) => total + of(i) ** 2, 0);
  return Math.sqrt(sum((i) => values[i]! - expected[i]!) / sum((i) => expected[i]!));
}

/** Where a machine lacks it, the tests below are skipped under this name. */
const withBfloat16 = cpuInfo().bfloat16 ? describe : describe.skip;

withBfloat16('the precision bf16, on a CPU with AVX512-BF16', () => {
  test('gives logits and gradients of adapters near those of fp32, the same for any number of threads', async () => {
    const batch = { ...sequencesOf([9, 1, 14], sizes), lora: adaptersFor(sizes, 2, [1, -1, 0]) };
    const results = async (options: Parameters<typeof createModel>[1]) => {
      const engine = await CausalEngine.create({ ...sizes, ...options });
      engines.push(engine);
      await engine.initialise(11, 0.1);
      const { gradients } = await engine.adapterGradients(batch, batch.ids, 0.1);
      return [await engine.logits(batch), ...gradients];
    };
    const expected = await results({ threads: 2 });
    const rounded = await results({ threads: 2, precision: 'bf16' });
    for (const [i, values] of rounded.entries()) {
      const error = relativeError(values, expected[i]!);
      expect(error).toBeLessThan(2e-2);
      expect(error).toBeGreaterThan(1e-5); // else nothing was rounded
    }
    for (const threads of [1, 3]) expect(await results({ threads, precision: 'bf16' })).toEqual(rounded);
    expect(await results({ threads: 1, precision: 'fp32' })).toEqual(expected);
  });

  test('is what the engine says of its device, and counts the packed weights', async () => {
    const [plain, rounded] = [await model(LARGE), await model(LARGE, { precision: 'bf16' })];
    expect([plain.device.precision, rounded.device.precision]).toEqual(['fp32', 'bf16']);
    const batch = { ...sequencesOf([5], LARGE), lora: adaptersFor(LARGE, 1, [0]) };
    await plain.logits(batch);
    expect(plain.deviceMemory().heldBytes).toBe(0);
    await rounded.logits(batch);
    const linear =
      LARGE.vocabSize * LARGE.hiddenSize + LARGE.layers * LARGE.hiddenSize * 4 * LARGE.intermediateSize * 0.75;
    expect(rounded.deviceMemory().heldBytes).toBeGreaterThanOrEqual(2 * linear);
    const need = (engine: CausalEngine) => engine.gradientMemory(batch, batch.ids).activations;
    expect(need(rounded) - need(plain)).toBeGreaterThanOrEqual(4 * linear);

    const memoryLimitBytes = plain.parameterBytes + need(plain) + 4 * linear;
    const limited = await model(LARGE, { precision: 'bf16', memoryLimitBytes });
    await expect(limited.adapterGradients(batch, batch.ids, 1)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test('trains an adapter, but not all weights', async () => {
    const engine = await model(SIZES, { precision: 'bf16' });
    const trainer = await CausalTrainerEngine.create(engine, { parameters: LORA, optimiser: ADAMW });
    engines.push(trainer);
    await trainer.initialise(3);
    const batch = sequencesOf([6, 4]);
    expect(await trainer.accumulate(batch, batch.ids, 0.1)).toHaveLength(2);
    const whole = CausalTrainerEngine.create(engine, { parameters: { trained: 'all' }, optimiser: ADAMW });
    await expect(whole).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/bf16 is for frozen weights.*fp32/),
    });
  });
});

test('bf16 is refused by name beside another instruction set', async () => {
  const failure = await resultOf('language-precision', { environment: { DND_CPU_ISA: 'baseline' } });
  expect(failure).toEqual({
    name: 'DndError',
    code: 'DEVICE_UNAVAILABLE',
    message: expect.stringMatching(/avx512bf16.*baseline.*fp32/),
  });
});

test('an unknown precision is refused', async () => {
  await expect(CausalEngine.create({ ...SIZES, precision: 'bf17' as 'bf16' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/precision must be fp32 or bf16/),
  });
});
