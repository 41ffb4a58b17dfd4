import { join } from 'node:path';
import { exampleCudaResults } from './cuda-example.js';

const { aboutLines, cudaTables, KIND, VERSION } = require('../../bench/cuda/report.cjs');
const { readResults, ResultsError } = require('../../bench/results.cjs');

/** Written by the benchmark itself, on the emulated device: times mean nothing there. */
const recorded = join(__dirname, '../fixtures/bench/cuda-emulated.json');

type Table = { title: string; headings: string[]; rows: (string | number | null)[][]; notes?: string[] };

function tableOf(pattern: RegExp, results: object = exampleCudaResults()): Table {
  const found = cudaTables(results).find(({ title }: Table) => pattern.test(title));
  if (!found) throw new Error(`no table like ${pattern}`);
  return found;
}

test('every part of the results has its tables, each row as wide as its headings', () => {
  const tables: Table[] = cudaTables(exampleCudaResults());
  expect(tables.map(({ title }) => title.split(/[,;]/)[0])).toEqual([
    'peaks of the device',
    'encoder: random weights',
    'quick: convolutions',
    'quick: convolutions',
    'quick: each layer alone',
    'quick: decoder',
    'quick: prompts → adapters on disk',
  ]);
  for (const { rows, headings } of tables) for (const row of rows) expect(row).toHaveLength(headings.length);
});

test('a convolution tells executed rates and their fractions of the peaks measured in the same run', () => {
  const { headings, rows } = tableOf(/convolutions, batch 1/);
  const cells = Object.fromEntries(headings.map((heading, column) => [heading, rows[0]![column]]));
  expect(cells).toMatchObject({
    'TFLOP/s': '0.400',
    'GB/s': '300',
    'its best': 'channels last, padded',
    ratio: '3.00×',
  });
  // 0.4 of 4 TFLOP/s, then 300 of 600 GB/s.
  expect(rows[0]!.filter((cell) => /^\d+ %$/.test(String(cell)))).toEqual(['10 %', '50 %']);
  const all = rows.at(-1)!;
  expect(all[0]).toBe('all, summed');
  expect(all).toContain('4.00×');
});

test('what failed is skipped with its reason, and is missing in the sums', () => {
  const { rows, notes } = tableOf(/convolutions, batch 8/);
  expect(notes).toEqual(['0 linear2: skipped, out of memory', '0 linear2: peer skipped, no algorithm']);
  expect(rows.at(-1)!.slice(6, 7)).toEqual([null]);
  expect(tableOf(/decoder/).notes).toContain('batch 8 skipped: out of memory');
  expect(tableOf(/each layer/).notes).toEqual(['layer 1 skipped: not enough memory']);
});

test('errors stand beside the peer’s, with what they are against', () => {
  expect(tableOf(/decoder/).rows[0]!.slice(-2)).toEqual(['5.0e-4', '5.0e-3']);
  expect(tableOf(/each layer/).rows[0]!.slice(2)).toEqual(['3.0e-4', '4.0e-3', 'padded', 'PyTorch, float64']);
  expect(tableOf(/decoder/).notes).toContain('error: relative to PyTorch, float64; ours ≤ 0.001');
  expect(tableOf(/^encoder/).rows[0]!.at(-1)).toBe('1.0e-3');
});

test('stages stand side by side, and smaller batches than wanted are told', () => {
  const { rows, notes } = tableOf(/prompts →/);
  expect(rows[0]!.slice(1).every((cell) => String(cell).endsWith('×5'))).toBe(true);
  expect(notes).toContain('batch 8: 4 decoded together, for lack of memory');
});

test('without a peer there are no fractions of a bandwidth, and no ratios', () => {
  const results = exampleCudaResults();
  results.peer = { missing: '--no-peer' };
  (results.peaks as Record<string, unknown>).bytesPerSecond = null;
  const { headings, rows } = tableOf(/convolutions, batch 1/, results);
  expect(rows[0]![headings.lastIndexOf('of peak')]).toBeNull();
  expect(aboutLines(results)).toContain('peer: none (--no-peer)');
});

test('the device, its driver and the peer are named', () => {
  const text = aboutLines(exampleCudaResults()).join('\n');
  expect(text).toContain('NVIDIA H200, compute capability 9.0, 141.00 GB, driver for CUDA 13.0, runtime 13.1');
  expect(text).toContain('PyTorch 2.15.0, CUDA 13.0, cuDNN 91300');
});

test('a run on the emulated device is read and rendered, with errors and without gaps', async () => {
  const results = await readResults(recorded, { kind: KIND, current: VERSION });
  expect(results.problems).toEqual([]);
  const tables: Table[] = cudaTables(results);
  expect(tables).toHaveLength(7);
  for (const { rows, headings } of tables) for (const row of rows) expect(row).toHaveLength(headings.length);
  expect(tables.flatMap(({ notes = [] }) => notes).filter((note) => note.includes('skipped: out'))).toEqual([]);
  for (const row of tableOf(/each layer/, results).rows) expect(Number(row[2])).toBeLessThan(1e-3);
  expect(aboutLines(results)[1]).toMatch(
    /^NVIDIA A100-SXM4-80GB \(emulated\), .* planned with the rates of a100-sxm-80gb/,
  );
});

test('results of another kind are refused', async () => {
  await expect(readResults(recorded)).rejects.toThrow(ResultsError);
  await expect(readResults(recorded)).rejects.toThrow("but those of 'dnd-lora CUDA benchmark'");
});
