import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseLine, readMetrics } from '../../src/report/metrics.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { behaviourEvaluation, behaviourStep, exampleEvaluation, exampleLines, exampleStep } from './example.js';

const folder = useTemporaryFolder();

async function read(text: string | Uint8Array) {
  const path = join(folder(), 'metrics.jsonl');
  await writeFile(path, text);
  return readMetrics(path);
}

test('steps and evaluations are distinguished, in their order', async () => {
  const { steps, evaluations, notes } = await read(`${exampleLines(100, 50).join('\n')}\n`);
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(steps[41]).toEqual(exampleStep(42));
  expect(evaluations.map(({ evaluation }) => evaluation)).toEqual([50, 100]);
  expect(evaluations[0]!.tasks[0]!.modules).toEqual(exampleEvaluation(50).tasks[0]!.modules);
  expect(notes).toEqual([]);
});

test('both losses and responses are kept, and no norm ratio stays none', async () => {
  const both = behaviourStep(2, { tokenLoss: 0.5, normRatio: 0.25 });
  const lines = [behaviourEvaluation(0), behaviourStep(1), both, behaviourEvaluation(2)];
  const { steps, evaluations, notes } = await read(lines.map((line) => JSON.stringify(line)).join('\n'));
  expect(steps).toEqual([behaviourStep(1), both]);
  expect(steps[0]!.normRatio).toBeNull();
  expect(evaluations).toEqual([behaviourEvaluation(0), behaviourEvaluation(2)]);
  expect(notes).toEqual([]);
  expect((await read(JSON.stringify(exampleStep(1, { normRatio: Number.NaN })))).steps[0]!.normRatio).toBeNaN();
});

test('a last line truncated anywhere is skipped, with a note', async () => {
  const lines = exampleLines(3);
  const last = Buffer.from(JSON.stringify(exampleStep(4, { taskLosses: { 'größe ‖': 1 } })));
  for (const length of [1, 9, last.indexOf('ß') + 1, last.length - 1]) {
    const whole = Buffer.from(`${lines.join('\n')}\n`);
    const { steps, notes } = await read(Buffer.concat([whole, last.subarray(0, length)]));
    expect(steps).toHaveLength(3);
    expect(notes).toEqual([expect.stringMatching(/^the last line of metrics\.jsonl, 4, is truncated or damaged/)]);
  }
});

test('damaged lines in between are named, and counted when they are many', async () => {
  const { steps, notes } = await read(
    `${exampleLines(2).join('\n')}\n\0\0\n[]\n7\n"x"\n{}\n{\n{"step":-1}\n${exampleLines(3)[2]}\n`,
  );
  expect(steps).toHaveLength(3);
  expect(notes[0]).toBe('line 3 of metrics.jsonl is damaged and was skipped');
  expect(notes).toHaveLength(6);
  expect(notes[5]).toBe('2 more damaged lines of metrics.jsonl were skipped');
});

test('lines repeated by a resumed run replace the earlier ones, and later steps are dropped', async () => {
  const again = [exampleStep(3, { loss: 7 }), exampleStep(4, { loss: 8 })].map((step) => JSON.stringify(step));
  const first = exampleLines(6, 2);
  const { steps, evaluations } = await read([...first, ...again].join('\n'));
  expect(steps.map(({ step, loss }) => [step, loss])).toEqual([
    [1, exampleStep(1).loss],
    [2, exampleStep(2).loss],
    [3, 7],
    [4, 8],
  ]);
  expect(evaluations.map(({ evaluation }) => evaluation)).toEqual([2]);
});

test('a loss that is no number is null in JSON, and stays none', () => {
  const line = JSON.stringify(exampleStep(5, { loss: Number.NaN, gradientNorm: Number.POSITIVE_INFINITY }));
  expect(parseLine(line)).toMatchObject({ loss: Number.NaN, gradientNorm: Number.NaN });
});

test('no line, whatever it holds, makes the reader throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      parseLine(text);
    }),
  );
  const lines = [...exampleLines(2, 1)];
  fc.assert(
    fc.property(fc.constantFrom(...lines), fc.jsonValue(), fc.nat(), (line, value, which) => {
      const json = JSON.parse(line);
      const keys = Object.keys(json);
      json[keys[which % keys.length]!] = value;
      parseLine(JSON.stringify(json));
    }),
  );
});

test('a missing file is a run that has not started; a file of something else is refused', async () => {
  expect(await readMetrics(join(folder(), 'metrics.jsonl'))).toMatchObject({ steps: [], notes: [expect.any(String)] });
  await expect(read('step,loss\n1,0.5\n')).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  expect(await read('')).toEqual({ steps: [], evaluations: [], notes: [] });
  await mkdir(join(folder(), 'instead'));
  await expect(readMetrics(join(folder(), 'instead'))).rejects.toMatchObject({ code: 'READ_FAILED' });
});
