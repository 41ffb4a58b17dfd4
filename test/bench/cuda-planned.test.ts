import * as engine from '../../src/engine/index.js';
import { PRESETS } from '../../src/generator/presets.js';

const { plannedMarks } = require('../../bench/cuda/marks.cjs');
const { plannedResults } = require('../../bench/cuda/planned.cjs');
const { plannedTables } = require('../../bench/cuda/planned-report.cjs');

type Table = { title: string; headings: string[]; rows: (string | number | null)[][]; notes?: string[] };

const configurations = Object.entries(PRESETS).map(([name, preset]) => ({ name, ...preset }));

function planned(change: object = {}) {
  return plannedResults(engine, { configurations, model: 'h200', precision: 'mixed', batches: [1, 8], ...change });
}

test('every published configuration has its stages and its convolutions, and says that nothing was measured', () => {
  const results = planned();
  expect(results).toMatchObject({ kind: 'dnd-lora CUDA plan', measured: false, model: { name: 'h200' } });
  const tables: Table[] = plannedTables(results);
  expect(tables[0]!.title).toBe('modelled, not measured: h200, precision mixed');
  for (const { name, features } of configurations) {
    const [stages, convolutions] = tables.filter(({ title }) => title.startsWith(`${name}: `));
    expect(stages!.rows.map(([tasks]) => tasks)).toEqual([1, 8]);
    expect(convolutions!.rows).toHaveLength(5 * (features.length - 1) + 1);
    for (const { rows, headings } of [stages!, convolutions!])
      for (const row of rows) expect(row).toHaveLength(headings.length);
  }
  expect(tables.at(-1)!.title).toMatch(/^marks, modelled on h200/);
});

test('a convolution moves its ends, its spectra and its product', () => {
  const [{ batches }] = planned().configurations;
  const { channels, outputChannels, picture, tilePoints, movedBytes } = batches[0].convolutions[0];
  expect([channels, outputChannels, picture]).toEqual([384, 300, [384, 128]]);
  const [pointsI, pointsJ] = tilePoints;
  const tiles = Math.ceil(384 / (pointsI - 8)) * Math.ceil(128 / (pointsJ - 8));
  const numbers = pointsI * pointsJ + 4;
  const ends = 4 * 384 * 128 * (384 + 300);
  expect(movedBytes).toBe(ends + numbers * (2 * 2 * tiles * 384 + 2 * 300 * 384 + 2 * 4 * tiles * 300));
});

test('the sum of a batch is that of its convolutions, and the stages are all there', () => {
  for (const { batches } of planned().configurations) {
    for (const { executedFlop, convolutions, seconds, parts, deviceBytes } of batches) {
      const sum = (of: (each: { executedFlop: number; seconds: number }) => number) =>
        convolutions.reduce((all: number, each: never) => all + of(each), 0);
      expect(executedFlop).toBeCloseTo(sum((each) => each.executedFlop));
      expect(seconds.decode).toBeCloseTo(sum((each) => each.seconds) + parts.moments, 12);
      expect(seconds.encode).toBeGreaterThan(0);
      expect(seconds.fetch).toBeGreaterThan(0);
      expect(deviceBytes.device).toBeLessThan(141e9);
    }
  }
});

test('a batch that the device has no memory for is skipped, with the reason', () => {
  const [common] = configurations;
  const results = planned({ configurations: [common], model: 'l4', batches: [1, 4096] });
  expect(results.configurations[0].batches[1].leftOut).toMatch(/bytes of device memory/);
  const stages: Table = plannedTables(results).find(({ title }: Table) => title.includes('stages'));
  expect(stages.rows[1]!.slice(1).every((cell) => cell === null)).toBe(true);
  expect(stages.notes!.some((note) => note.startsWith('batch 4096 skipped: '))).toBe(true);
});

test('the marks are of an H200 and met by the model', () => {
  const marks = plannedMarks(planned());
  expect(marks).toHaveLength(4);
  for (const { name, met } of marks) expect([name, met]).toEqual([name, true]);
  expect(plannedMarks(planned({ model: 'l4' }))).toEqual([]);
  expect(plannedMarks(planned({ precision: 'fp32' }))).toEqual([]);
});
