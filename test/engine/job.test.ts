import { getEventListeners } from 'node:events';
import type { DecoderEngine } from '../../src/engine/index.js';
import { conditionOf, createDecoder, LARGE, SMALL } from './decoders.js';

jest.setTimeout(300_000); // the machine may be slow and shared

let small: DecoderEngine;
let large: DecoderEngine;
beforeAll(async () => {
  [small, large] = [await createDecoder(SMALL), await createDecoder(LARGE)];
});
afterAll(() => {
  small.dispose();
  large.dispose();
});

/** Resolves once the work has started; pass `onProgress` to the job. */
function started() {
  let onProgress!: (fraction: number) => void;
  const begun = new Promise<number>((resolve) => {
    onProgress = resolve;
  });
  return { begun, onProgress };
}

describe('progress', () => {
  test('grows, comes at most 20 times a second, and ends with 1', async () => {
    const seen: { fraction: number; at: number }[] = [];
    await large.forward(conditionOf(large), 1, {
      onProgress: (fraction) => seen.push({ fraction, at: performance.now() }),
    });
    const fractions = seen.map(({ fraction }) => fraction);
    expect(fractions.at(-1)).toBe(1);
    expect(fractions.length).toBeGreaterThan(2);
    for (let i = 1; i < fractions.length; i++) expect(fractions[i]).toBeGreaterThan(fractions[i - 1]!);
    expect(fractions[0]).toBeGreaterThan(0);
    const seconds = (seen.at(-1)!.at - seen[0]!.at) / 1000;
    expect(seen.length).toBeLessThanOrEqual(seconds * 20 + 3);
  });

  test('reports 1 even if the work ends before the first poll', async () => {
    const seen: number[] = [];
    await small.forward(conditionOf(small), 1, { onProgress: (fraction) => seen.push(fraction) });
    expect(seen).toEqual([1]);
  });

  test('stops the work when the callback throws, and rejects with what it threw', async () => {
    const failure = new Error('from the callback');
    const forward = large.forward(conditionOf(large), 1, {
      onProgress: () => {
        throw failure;
      },
    });
    await expect(forward).rejects.toBe(failure);
  });
});

describe('an AbortSignal', () => {
  test('that is aborted already keeps the work from starting', async () => {
    const reason = new Error('not today');
    await expect(small.forward(conditionOf(small), 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('stops running work, which rejects with its reason and never reports 1', async () => {
    const controller = new AbortController();
    const reason = { any: 'value' };
    const seen: number[] = [];
    const forward = large.forward(conditionOf(large), 1, {
      signal: controller.signal,
      onProgress: (fraction) => {
        seen.push(fraction);
        controller.abort(reason);
      },
    });
    await expect(forward).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeLessThan(1);
  });

  test('stops queued work, and the work before it continues', async () => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const { begun, onProgress } = started();
    const first = large.forward(conditionOf(large), 1, { onProgress });
    const second = large.forward(conditionOf(large), 1, { signal: controller.signal });
    await begun;
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    expect(await first).toHaveLength(512 * 32 * 128);
  });

  test('keeps no listener once the work has ended, well or not', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await small.forward(conditionOf(small), 1, { signal });
    await expect(small.forward(new Float32Array(1), 1, { signal })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    const { begun, onProgress } = started();
    const forward = large.forward(conditionOf(large), 1, { signal, onProgress });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await begun;
    controller.abort();
    await expect(forward).rejects.toBe(signal.reason);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

test('jobs of one engine run one after the other, in the order requested', async () => {
  const order: string[] = [];
  const note = (name: string) => () => order.push(name);
  await Promise.all([
    large.forward(conditionOf(large), 1).then(note('large, first')),
    large.forward(conditionOf(large), 1).then(note('large, second')),
    small.forward(conditionOf(small), 1).then(note('small')),
  ]);
  expect(order.filter((name) => name !== 'small')).toEqual(['large, first', 'large, second']);
  // Another engine's job waits for none of them; which of two jobs at work ends first is the system's choice.
  expect(order.indexOf('small')).toBeLessThan(2);
});

test('two engines that work at once give what each gives alone', async () => {
  const other = await createDecoder(SMALL, { kernelSize: 5 });
  try {
    const alone = [await small.forward(conditionOf(small, 3), 3), await other.forward(conditionOf(other, 2), 2)];
    for (let round = 0; round < 20; round++) {
      const together = await Promise.all([
        small.forward(conditionOf(small, 3), 3),
        other.forward(conditionOf(other, 2), 2),
      ]);
      expect(together).toEqual(alone);
    }
  } finally {
    other.dispose();
  }
});

test('timers go on firing while the engine works', async () => {
  let fired = 0;
  const timer = setInterval(() => fired++, 10);
  const began = performance.now();
  try {
    await large.forward(conditionOf(large), 1);
  } finally {
    clearInterval(timer);
  }
  const elapsedMs = performance.now() - began;
  expect(elapsedMs).toBeGreaterThan(200);
  expect(fired).toBeGreaterThan(elapsedMs / 10 / 5);
});
