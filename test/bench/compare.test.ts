import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exampleResults, figure } from './example.js';

const { compareResults, comparisonTable } = require('../../bench/report/compare.cjs');
const { figuresOf } = require('../../bench/report/figures.cjs');
const { readResults } = require('../../bench/results.cjs');

type Row = { name: string; ratio: number; overlap: boolean };

const rowOf = (rows: Row[], name: string) => rows.find((row) => row.name === name);

describe('figures', () => {
  const names: string[] = [...figuresOf(exampleResults()).keys()];

  test('go by the path that leads to them', () => {
    expect(names).toEqual(
      expect.arrayContaining([
        'peak › gemm › 4096³ › ours',
        'qwen2.5-0.5b-common-sense › convolutions › 0 conv1w › batch 1 › direct',
        'qwen2.5-0.5b-common-sense › decoder › batch 8 › ours',
        'encoder › oursZeroPadding',
      ]),
    );
  });

  test('have names of their own', () => {
    expect(names).toHaveLength(2 + 1 + 3 * 4 + 6 + 3);
  });
});

describe('two results', () => {
  test('are compared figure by figure: a over b, and whether the spreads overlap', () => {
    const [a, b] = [exampleResults(), exampleResults()];
    b.encoder.ours = figure(4);
    b.encoder.peer = figure(10.5);
    const { rows, onlyA, onlyB, differences } = compareResults(a, b);
    expect(rowOf(rows, 'encoder › ours')).toMatchObject({ ratio: 2, overlap: false });
    expect(rowOf(rows, 'encoder › peer')).toMatchObject({ ratio: 10 / 10.5, overlap: true });
    expect([onlyA, onlyB, differences]).toEqual([[], [], []]);
    const table = comparisonTable({ rows, onlyA, onlyB, differences });
    expect(table.rows.find(([name]: string[]) => name === 'encoder › ours')).toEqual([
      'encoder › ours',
      '8.00 s (7.20–8.80) ×5',
      '4.00 s (3.60–4.40) ×5',
      '2.00×',
      'b faster',
    ]);
  });

  test('of different machines and threads are compared all the same, and it is said', () => {
    const [a, b] = [exampleResults(), exampleResults()];
    b.machine.cpu = 'Another Processor';
    b.threads = 4;
    b.peer = { missing: '--no-peer' };
    expect(compareResults(a, b).differences).toEqual([
      expect.stringMatching(/^different machines: a A Processor.*; b Another Processor/),
      'different threads: a 2; b 4',
      'different peers: a PyTorch 2.15.0, AVX2; b none',
    ]);
  });

  test('name the figures that only one of them has', () => {
    const [a, b] = [exampleResults(), exampleResults()];
    b.configurations = [];
    const compared = compareResults(a, b);
    expect(compared.onlyA).toHaveLength(18);
    expect(comparisonTable(compared).notes).toEqual([
      expect.stringMatching(/^only in a: qwen2\.5-0\.5b-common-sense › convolutions › .*, and 10 more$/),
    ]);
  });
});

describe('a file of results', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-bench-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  test('is read as it was written', async () => {
    const results = exampleResults();
    expect(await readResults(file('good.json', JSON.stringify(results)))).toEqual(results);
  });

  test.each([
    ['is not there', () => join(folder, 'missing.json'), /missing\.json cannot be read: no such file/],
    ['is not JSON', () => file('text.json', 'median 3'), /text\.json is not JSON/],
    ['is other JSON', () => file('other.json', '{"version": 2}'), /does not contain results of npm run bench/],
    ['is a JSON null', () => file('null.json', 'null'), /does not contain results of npm run bench/],
    [
      'is of an older layout',
      () => file('old.json', JSON.stringify({ version: 1, machine: {} })),
      /results of layout 1; this benchmark reads layout 2/,
    ],
    [
      'is of a newer layout',
      () => file('new.json', JSON.stringify({ ...exampleResults(), version: 3 })),
      /results of layout 3/,
    ],
  ])('that %s is refused in a sentence', async (_what, path, sentence) => {
    await expect(readResults(path())).rejects.toThrow(sentence);
  });
});
