import { Progress } from '../../src/generator/progress.js';
import { withSignals } from '../../src/generator/signals.js';
import { StatisticsCollector } from '../../src/generator/statistics.js';
import { Turns } from '../../src/generator/turns.js';

function deferred() {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('Turns', () => {
  const never = new AbortController().signal;

  test('run one piece of work at a time, in the order of asking', async () => {
    const turns = new Turns();
    const first = deferred();
    const seen: string[] = [];
    const one = turns.run(async () => {
      seen.push('one begins');
      await first.promise;
      seen.push('one ends');
    }, never);
    const two = turns.run(async () => void seen.push('two'), never);
    await new Promise(setImmediate);
    expect(seen).toEqual(['one begins']);
    first.resolve();
    await Promise.all([one, two]);
    expect(seen).toEqual(['one begins', 'one ends', 'two']);
  });

  test('go on after a failure', async () => {
    const turns = new Turns();
    const failing = turns.run(() => Promise.reject(new Error('no')), never);
    const next = turns.run(async () => 'yes', never);
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });

  test('whoever gives up waiting is rejected at once, and passed over', async () => {
    const turns = new Turns();
    const first = deferred();
    const controller = new AbortController();
    const one = turns.run(() => first.promise, never);
    const skipped = turns.run(async () => {
      throw new Error('ran');
    }, controller.signal);
    const three = turns.run(async () => 3, never);
    controller.abort(new Error('enough'));
    await expect(skipped).rejects.toThrow('enough');
    first.resolve();
    await one;
    await expect(three).resolves.toBe(3);
  });
});

describe('withSignals', () => {
  test('aborts when any of the signals does, with its reason', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const work = withSignals(
      [one.signal, undefined, two.signal],
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    two.abort('two');
    one.abort('one');
    await expect(work).rejects.toBe('two');
  });

  test('does not begin when one is aborted already', async () => {
    const work = jest.fn();
    await expect(withSignals([AbortSignal.abort('before')], work)).rejects.toBe('before');
    expect(work).not.toHaveBeenCalled();
  });

  test('leaves no listener behind', async () => {
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    const added = jest.spyOn(signal, 'addEventListener');
    await withSignals([signal], async () => {});
    await withSignals([signal], () => Promise.reject(new Error('no'))).catch(() => {});
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });
});

test('progress grows over the stages by their shares, and ends with exactly 1', () => {
  const seen: [number, string][] = [];
  const progress = new Progress({ encode: 1, decode: 8, restore: 1 }, (fraction, stage) =>
    seen.push([fraction, stage]),
  );
  const [encode, decode, restore] = [progress.stage('encode'), progress.stage('decode'), progress.stage('restore')];
  encode(0.5);
  encode(1);
  decode(0);
  decode(0.5);
  encode(0.7);
  decode(1);
  restore(1);
  expect(seen).toEqual([
    [0.05, 'encode'],
    [0.1, 'encode'],
    [0.1, 'decode'],
    [0.5, 'decode'],
    [0.9, 'decode'],
    [1, 'restore'],
  ]);
});

describe('StatisticsCollector', () => {
  test('says of finite numbers what a textbook says', () => {
    const collector = new StatisticsCollector();
    collector.add(Float32Array.of(1, 2));
    collector.add(Float32Array.of(3, 6));
    expect(collector.result()).toEqual({
      count: 4,
      mean: 3,
      std: Math.sqrt(3.5),
      min: 1,
      max: 6,
      norm: Math.sqrt(50),
      nan: 0,
      infinite: 0,
    });
  });

  test('counts what is not finite, and leaves it out', () => {
    const collector = new StatisticsCollector();
    collector.add(Float32Array.of(Number.NaN, 2, Infinity, -Infinity, Number.NaN, Number.NaN));
    expect(collector.result()).toMatchObject({ count: 6, mean: 2, std: 0, min: 2, max: 2, nan: 3, infinite: 2 });
  });

  test('of nothing has neither minimum nor maximum', () => {
    expect(new StatisticsCollector().result()).toMatchObject({ count: 0, mean: 0, min: null, max: null });
  });
});
