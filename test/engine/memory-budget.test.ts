import { DecoderEngine, MemoryBudget } from '../../src/engine/index.js';
import { conditionOf, SMALL } from './decoders.js';

describe('a memory budget', () => {
  const need = { purpose: 'a forward pass over a batch of 8', bytes: 3.2e9, lower: 'lower the batch' };
  const budget = (limitBytes: number | undefined, available: number) => new MemoryBudget(limitBytes, () => available);

  test('refuses what is not available: the need, what there is and what to do', () => {
    expect(() => budget(undefined, 1.25e9).require(need)).toThrow(
      expect.objectContaining({
        code: 'OUT_OF_MEMORY',
        message:
          'a forward pass over a batch of 8: needs more memory than is available; expected at most 1.25 GB, got 3.20 GB. Free memory, or lower the batch',
      }),
    );
    expect(() => budget(undefined, 3.2e9).require(need)).not.toThrow();
  });

  test('keeps to the limit of the caller, and counts what is taken already', () => {
    expect(() => budget(3e9, 9e9).require(need)).toThrow(
      'a forward pass over a batch of 8: needs more memory than memoryLimitBytes leaves; expected at most 3.00 GB, got 3.20 GB. Raise it, or lower the batch',
    );
    expect(() => budget(4e9, 9e9).require(need)).not.toThrow();
    expect(() => budget(4e9, 9e9).require({ ...need, takenBytes: 1e9 })).toThrow('expected at most 3.00 GB');
    expect(() => budget(4e9, 9e9).require({ ...need, takenBytes: 5e9 })).toThrow('expected at most 0 bytes');
    expect(() => budget(4e9, 1e9).require(need)).toThrow('than is available');
  });

  test('checks only the limit, or only available memory, on request', () => {
    expect(() => budget(4e9, 1e9).requireAllowed(need)).not.toThrow();
    expect(() => budget(1e9, 4e9).requireAvailable(need)).not.toThrow();
  });

  test('leaves a fifth of what is available to others where it chooses a micro-batch by itself', () => {
    expect(() => budget(undefined, 4.1e9).require(need, 'chosenMicroBatch')).not.toThrow();
    expect(() => budget(undefined, 3.9e9).require(need, 'chosenMicroBatch')).toThrow('expected at most 3.12 GB');
    expect(() => budget(3.2e9, 4.1e9).require(need, 'chosenMicroBatch')).not.toThrow();
  });

  test('reports the rest of the limit, and available memory', () => {
    expect(budget(4e9, 1e9).leftBytes(1e9)).toBe(3e9);
    expect(budget(4e9, 1e9).leftBytes(5e9)).toBe(0);
    expect(budget(undefined, 1e9).leftBytes(0)).toBe(Number.MAX_SAFE_INTEGER);
    expect(budget(4e9, 1e9).affordableBytes(1e9)).toBe(1e9);
    expect(budget(4e9, 9e9).affordableBytes(1e9)).toBe(3e9);
    expect(budget(undefined, 9e9).affordableBytes(1e9)).toBe(9e9);
  });

  test('plans training within the limit, whatever is available, or within nine tenths of that', () => {
    const step = { operands: 1e9, held: () => 5e8 };
    expect(budget(4e9, 1e3).trainingBytes(step)).toBe(3e9);
    expect(budget(undefined, 1e10).trainingBytes(step)).toBe(9.5e9);
  });
});

describe('memoryLimitBytes', () => {
  const create = (memoryLimitBytes: number) =>
    DecoderEngine.create({ features: SMALL, kernelSize: 3, memoryLimitBytes });
  let parameterBytes: number;
  beforeAll(async () => {
    const engine = await create(1e9);
    parameterBytes = engine.parameterBytes;
    engine.dispose();
  });

  test('is checked before the parameters are filled', async () => {
    await expect(create(parameterBytes - 1)).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/the decoder .* needs .* memoryLimitBytes leaves; .* use a smaller model/),
    });
  });

  test('is checked before the work starts, and says what a smaller batch needs', async () => {
    const engine = await create(parameterBytes + 1e6);
    try {
      await engine.forward(conditionOf(engine), 1);
      await expect(engine.forward(conditionOf(engine, 10000), 10000)).rejects.toMatchObject({
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(/batch of 10000: needs .*lower the batch \(a batch of 1 needs [\d.]+ \w+\)/),
      });
    } finally {
      engine.dispose();
    }
  });
});

test('a decoder that no machine can hold is refused with its size', async () => {
  const features = [
    [1e5, 9, 9],
    [1e6, 9, 9],
  ] as const;
  await expect(DecoderEngine.create({ features, kernelSize: 9 })).rejects.toMatchObject({
    code: 'OUT_OF_MEMORY',
    message: expect.stringMatching(/^the decoder.*(TB|GB|MiB).*[Uu]se a smaller model/),
  });
});
