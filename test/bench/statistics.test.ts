const { alternate, quantile, relativeError, summarise, sumOf } = require('../../bench/statistics.cjs');

test('the median of an odd number of runs is the middle one, of an even number the mean of two', () => {
  expect(summarise([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, runs: [3, 1, 2] });
  expect(summarise([4, 1, 2, 3])).toMatchObject({ median: 2.5, min: 1, max: 4 });
  expect(summarise([7])).toEqual({ median: 7, min: 7, max: 7, runs: [7] });
});

/** Rivals that take the seconds given, one after the other, and the order in which they ran. */
function rivals(seconds: Record<string, number[]>) {
  const order: string[] = [];
  const runs = Object.entries(seconds).map(([name, all]) => {
    const left = [...all];
    const run = async () => {
      order.push(name);
      return left.shift();
    };
    return [name, run] as const;
  });
  return { order, all: Object.fromEntries(runs) };
}

test('rivals run in turn, and their first runs are thrown away', async () => {
  const { order, all } = rivals({ ours: [9 / 10, 1, 2], peer: [3, 4, 5] });
  const figures = await alternate(all, { runs: 2 });
  expect(order).toEqual(['ours', 'peer', 'ours', 'peer', 'ours', 'peer']);
  expect(figures).toMatchObject({ ours: { runs: [1, 2] }, peer: { runs: [4, 5] } });
});

test('a first run of more than five seconds counts', async () => {
  const { order, all } = rivals({ ours: [1, 2, 3], peer: [60, 61] });
  const figures = await alternate(all, { runs: 2 });
  expect(figures).toMatchObject({ ours: { runs: [2, 3] }, peer: { runs: [60, 61] } });
  expect(order.filter((name) => name === 'peer')).toHaveLength(2);
});

test('a rival that has taken enough time runs no more, but once at least', async () => {
  const { all } = rivals({ ours: [1, 1, 1, 1], peer: [4, 4, 4, 4], slow: [100] });
  const figures = await alternate(all, { runs: 3, enoughSeconds: 3 });
  expect(figures).toMatchObject({ ours: { runs: [1, 1, 1] }, peer: { runs: [4] }, slow: { runs: [100] } });
});

test('a sum adds medians and extremes, each as often as it counts', () => {
  const parts = [
    { figure: summarise([1, 2, 3]), count: 1 },
    { figure: summarise([10, 20, 40]), count: 2 },
  ];
  expect(sumOf(parts)).toEqual({ median: 42, min: 21, max: 83, runs: [], summed: 3 });
});

test('quantiles are interpolated', () => {
  expect([0, 0.5, 0.75, 1].map((q) => quantile([1, 2, 4], q))).toEqual([1, 2, 3, 4]);
});

test('the relative error is that of the norms', () => {
  expect(relativeError([3, 4.5], [3, 4])).toBeCloseTo(0.1, 12);
});
