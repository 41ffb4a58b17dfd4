import * as engine from '../../src/engine/index.js';
import { PRESETS } from '../../src/generator/presets.js';
import { exampleResults } from './example.js';

const { plannedResults } = require('../../bench/cuda/planned.cjs');
const { BEGIN, documentedFigures, END, withFigures } = require('../../bench/report/documented.cjs');

const configurations = Object.entries(PRESETS).map(([name, preset]) => ({ name, ...preset }));
const planned = plannedResults(engine, { configurations, model: 'h200', precision: 'mixed', batches: [1, 8] });
const figuresOf = (changes: object = {}): string =>
  documentedFigures([{ name: 'a-machine', results: { ...exampleResults(), problems: [], ...changes } }], planned);

test('a run has its machine, its marks and its tables with figures', () => {
  const text = figuresOf();
  expect(text).toContain('### Measured: a-machine\n\n- dnd-lora 0.1.0 (abcdef0), qwen2.5-0.5b-common-sense, 2 threads');
  expect(text).toContain('- peer: PyTorch 2.15.0');
  // Of the example: one task takes the peer 50 s and us 5 s.
  expect(text).toMatch(/\| qwen2\.5-0\.5b-common-sense, one task: times the peer \| ≥ 8\.00× \| 10\.00× \| yes \|/);
  expect(text).toMatch(/\*\*decoder forward, qwen2\.5-0\.5b-common-sense: .*\*\*\n\n\| tasks \| workspace \| ours \|/);
  expect(text).toContain('| 1 | 1.00 GB | 5.00 s (4.50–5.50) ×5 | 5 s |');
  expect(text).not.toContain('qwen2.5-7b-math, one task');
});

test('every row of a table has as many cells as its heading', () => {
  const tables = figuresOf()
    .split('\n\n')
    .filter((part) => part.startsWith('| '));
  expect(tables.length).toBeGreaterThan(4);
  for (const table of tables) {
    const widths = table.split('\n').map((line) => line.replaceAll('\\|', '').split('|').length);
    expect(new Set(widths).size).toBe(1);
  }
});

test('modelled times are called so, one row for each published configuration and batch', () => {
  const [, modelled] = figuresOf().split('### Modelled, on a CUDA device');
  expect(modelled).toContain('nothing here is measured');
  for (const name of Object.keys(PRESETS)) expect(modelled!.split(`| ${name} |`)).toHaveLength(3);
});

test('a smoke test and a run with wrong outputs are refused', () => {
  expect(() => figuresOf({ quick: true })).toThrow('docs/bench/a-machine.json: measured with --quick');
  expect(() => figuresOf({ problems: ['the decoder differs by 1e-3'] })).toThrow('the decoder differs by 1e-3');
});

test('figures go between the markers of a page, whatever was there, and a page without them is refused', () => {
  const page = `before\n${BEGIN}\nold\n${END}\nafter`;
  expect(withFigures(page, 'new')).toBe(`before\n${BEGIN}\n\nnew\n\n${END}\nafter`);
  expect(withFigures(withFigures(page, 'one'), 'new')).toBe(withFigures(page, 'new'));
  expect(() => withFigures('no place', 'new')).toThrow('docs/benchmarks.md has no place for figures');
});
