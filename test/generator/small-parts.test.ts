import { Progress } from '../../src/generator/progress.js';
import { StatisticsCollector } from '../../src/generator/statistics.js';

test('progress grows over the stages by their shares, and ends with exactly 1', () => {
  const seen: [number, string][] = [];
  let now = 0;
  // So far apart that none is withheld.
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => {
    now += 1000;
    return now;
  });
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
  clock.mockRestore();
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
  test('agrees with the textbook formulas on finite numbers', () => {
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
