import { resultOf } from './child.js';
import { conditionOf, createDecoder, LARGE, SMALL } from './decoders.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const disposed = expect.objectContaining({ name: 'DndError', code: 'DISPOSED' });

describe('dispose', () => {
  test('may be called twice, and by Symbol.dispose', async () => {
    const engine = await createDecoder(SMALL);
    expect(engine.disposed).toBe(false);
    engine.dispose();
    engine[Symbol.dispose]();
    expect(engine.disposed).toBe(true);
  });

  test('ends every use', async () => {
    const engine = await createDecoder(SMALL);
    const condition = conditionOf(engine);
    const { name } = engine.parameters[0]!;
    engine.dispose();
    expect(() => engine.workspaceBytes(1)).toThrow(disposed);
    expect(() => engine.readParameter(name, 0, 1)).toThrow(disposed);
    expect(() => engine.writeParameter(name, 0, new Uint8Array(4), 'F32')).toThrow(disposed);
    await expect(engine.forward(condition, 1)).rejects.toEqual(disposed);
    await expect(engine.project(condition, 1)).rejects.toEqual(disposed);
    await expect(engine.initialise(0)).rejects.toEqual(disposed);
  });

  test('stops the running job and those that wait', async () => {
    const engine = await createDecoder(LARGE);
    const condition = conditionOf(engine);
    let done = 0;
    const onProgress = (fraction: number) => {
      done = fraction;
      engine.dispose();
    };
    const jobs = [engine.forward(condition, 1, { onProgress }), engine.forward(condition, 1), engine.initialise(1)];
    const outcomes = await Promise.allSettled(jobs);
    expect(outcomes).toEqual(jobs.map(() => ({ status: 'rejected', reason: disposed })));
    expect(done).toBeLessThan(1);
  });
});

test('a handle may be collected while its job runs; the job ends well', async () => {
  const found = await resultOf<{ collectedBeforeTheEnd: number; failures: string[]; lengths: number[] }>(
    'collected-handle',
    {
      nodeOptions: ['--expose-gc'],
    },
  );
  expect(found).toEqual({ collectedBeforeTheEnd: 3, failures: [], lengths: Array(3).fill(512 * 32 * 128 * 4) });
});

test('an aborted forward gives its memory back', async () => {
  const { before, during, after } = await resultOf<Record<'before' | 'during' | 'after', number>>('aborted-memory', {
    nodeOptions: ['--expose-gc'],
  });
  expect(during - before).toBeGreaterThan(40e6);
  expect(after - before).toBeLessThan(10e6);
});

test('dispose gives the parameters back', async () => {
  const { before, held, after } = await resultOf<Record<'before' | 'held' | 'after', number>>('disposed-memory', {
    nodeOptions: ['--expose-gc'],
  });
  expect(held - before).toBeGreaterThan(100e6);
  expect(after - before).toBeLessThan(10e6);
});

test('1,000 rounds of create, forward and dispose leave the resident memory flat', async () => {
  // A small young generation: else it may still be growing when counting starts.
  const nodeOptions = ['--expose-gc', '--max-semi-space-size=1'];
  const { warm, end } = await resultOf<{ warm: number; end: number }>('thousand-rounds', { nodeOptions });
  expect(end - warm).toBeLessThan(4e6);
});
