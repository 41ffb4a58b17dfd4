import { exampleResults, figure } from './example.js';

const { marksOf, tables } = require('../../bench/report/marks.cjs');

type Mark = { name: string; measured: number | null; met: boolean | null; how?: string };
type Configuration = { decoder: { batches: Record<string, unknown>[]; summed?: object } };

function markOf(results: object, pattern: RegExp): Mark {
  const found = marksOf(results).find(({ name }: Mark) => pattern.test(name));
  if (!found) throw new Error(`no mark like ${pattern}`);
  return found;
}

test('a mark tells what was measured beside what is asked', () => {
  const results = exampleResults();
  expect(markOf(results, /0\.5b.*one task/)).toMatchObject({ asked: 8, measured: 10, met: true });
  expect(markOf(results, /0\.5b.*eight tasks/)).toMatchObject({ asked: 13, measured: 10, met: false });
  expect(markOf(results, /encoder.*times the peer/)).toMatchObject({ asked: 1.2, measured: 1.25, met: true });
  expect(markOf(results, /encoder.*sgemm peak/)).toMatchObject({ measured: 1.2e12 / 8 / 200e9, met: true });
});

test('bfloat16 is compared with the peer in bfloat16, and with ours in float32', () => {
  const results = exampleResults();
  const { batches } = (results.configurations[0] as unknown as Configuration).decoder;
  Object.assign(batches[0]!, { oursBfloat16: figure(2), peerBfloat16: figure(30) });
  const eight = batches.find(({ batch }) => batch === 8)!;
  Object.assign(eight, { ours: figure(32), oursBfloat16: figure(20) });
  expect(markOf(results, /one task in bf16/)).toMatchObject({ asked: 11, measured: 15, met: true });
  expect(markOf(results, /eight tasks in bf16: per task/)).toMatchObject({ asked: 16, measured: 12, met: false });
  expect(markOf(results, /eight tasks in bf16: times ours/)).toMatchObject({ asked: 1.5, measured: 1.6, met: true });
  expect(markOf(results, /encoder.*in bf16/)).toMatchObject({ asked: 1.2, measured: null });
});

test('the complex product counts by its processor time, over all spectral convolutions together', () => {
  expect(markOf(exampleResults(), /0\.5b.*batch 8: complex product/).measured).toBeCloseTo(0.7, 12);
});

test('what a run has not measured is neither met nor missed', () => {
  expect(markOf(exampleResults(), /7b-math, one task/)).toMatchObject({ measured: null, met: null });
  expect(markOf({ ...exampleResults(), peak: undefined }, /complex product/)).toMatchObject({ met: null });
  const smaller = exampleResults();
  smaller.encoder.prompts = 32;
  expect(markOf(smaller, /encoder.*times the peer/)).toMatchObject({ met: null });
});

test('a configuration whose peer was summed from its convolutions says so', () => {
  const results = exampleResults();
  const { decoder } = results.configurations[0] as unknown as Configuration;
  decoder.batches[0] = { name: 'batch 1', batch: 1, ours: figure(5) };
  decoder.summed = { peer: { ...figure(45), runs: [], summed: 40 } };
  expect(markOf(results, /0\.5b.*one task/)).toMatchObject({ measured: 9, how: expect.stringContaining('summed') });
});

test('a configuration with the decoder of another takes its figures', () => {
  const results = exampleResults();
  results.configurations.push({ name: 'qwen2.5-7b-coding', sameAs: 'qwen2.5-0.5b-common-sense' });
  expect(markOf(results, /7b-coding, one task/)).toMatchObject({ asked: 12, measured: 10, met: false });
});

test('a run that has measured none of them shows no table', () => {
  const { kind, version, presets, threads } = exampleResults();
  expect(tables(marksOf({ kind, version, presets, threads, configurations: [] }))).toEqual([]);
  expect(tables(marksOf(exampleResults()))).toHaveLength(1);
});

test('steps with a base are compared in the fastest dtype of each side', () => {
  const figure = (median: number) => ({ median });
  const steps = { ours: figure(4), half: figure(2), peer: figure(5) };
  const language = {
    models: [
      { name: '135M Llama', ...steps },
      { ...steps, name: 'pocket base', half: undefined },
    ],
  };
  const results = { ...exampleResults(), language, behaviour: { ...steps, half: figure(8) } };
  expect(markOf(results, /fine-tuning step, 135M/)).toMatchObject({ asked: 1.5, measured: 2.5, met: true });
  expect(markOf(results, /fine-tuning step, pocket/)).toMatchObject({ asked: 3, measured: 1.25, met: false });
  expect(markOf(results, /behaviour step/)).toMatchObject({ asked: 1.5, measured: 1.25, met: false });
  expect(markOf(exampleResults(), /behaviour step/)).toMatchObject({ measured: null });
});
