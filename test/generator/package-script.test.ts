import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Generator } from '../../src/generator/generator.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { PACKAGE_NAME, POCKET } from './fake-package.js';
import { PROMPTS } from './tiny.js';

const temporary = useTemporaryFolder();
const ROOT = join(__dirname, '..', '..');
const SHIPPED = join(ROOT, 'packages', 'generator-smollm2-135m');
const folder = () => join(temporary(), 'package');
const read = (name: string) => readFile(join(folder(), name), 'utf8');
const writeJson = (path: string, value: unknown) => writeFile(path, JSON.stringify(value));

function script(...parameters: string[]): Promise<{ stdout: string; stderr: string }> {
  const path = join(ROOT, 'scripts', 'generator-package.cjs');
  return promisify(execFile)(process.execPath, [path, ...parameters, '--package', folder()]);
}

const failing = (text: string) => expect.objectContaining({ stderr: expect.stringContaining(text) });

/** What `dnd eval --out` writes, as far as it is read. */
const EVALUATION = {
  formatVersion: 1,
  generator: '/somewhere/else/run/latest',
  base: '/somewhere/else/SmolLM2.gguf',
  pairs: null,
  tasks: [{ name: 'a', prompts: 16, test: 15 }],
  draws: 3,
  rows: [
    { row: 'base', label: 'base model', exactMatch: { mean: 0, low: 0, high: 0 }, logLikelihood: { mean: -5 } },
    {
      row: 'generated',
      label: 'generated',
      exactMatch: { mean: 0.5, low: 0.25, high: 0.75 },
      logLikelihood: { mean: -0.5 },
    },
  ],
  verdict: { headline: 'It works.' },
  notes: ['something'],
};

beforeEach(async () => {
  await cp(SHIPPED, folder(), { recursive: true });
  // As it is before the first generator, whatever has been put into it since.
  for (const name of ['house-styles', 'demo.json']) await rm(join(folder(), name), { recursive: true });
  const { 'dnd-lora': _, ...description } = JSON.parse(await read('package.json'));
  await writeJson(join(folder(), 'package.json'), { ...description, private: true });
  await writeJson(join(folder(), 'evaluation.json'), { formatVersion: 1, generators: {} });
  await writeJson(join(folder(), 'eval.json'), EVALUATION);
  await script();
});

test('the figures of an evaluation come into the README of the package, and none are there before', async () => {
  expect(await read('README.md')).toContain('There are no figures yet.');
  await script('add', 'pocket', join(POCKET, 'generator'));
  await script('evaluated', 'pocket', join(folder(), 'eval.json'));
  const readme = await read('README.md');
  expect(readme).not.toContain('There are no figures yet.');
  expect(readme).toContain(`\`${PACKAGE_NAME}/pocket\`: 1 task, 15 test items, 3 prompt draws. It works.`);
  expect(readme).toContain('| base model | 0.0 % (0.0–0.0) | -5.000 |');
  expect(readme).toContain('| **generated** | 50.0 % (25.0–75.0) | -0.500 |');
  expect(readme).toContain('- Note: something.');
  await expect(script('evaluated', 'other', join(folder(), 'eval.json'))).rejects.toEqual(failing('no such generator'));
  const { generators } = JSON.parse(await read('evaluation.json'));
  expect(generators.pocket).toMatchObject({
    generator: `${PACKAGE_NAME}/pocket`,
    base: 'SmolLM2.gguf',
    rows: [{}, {}],
  });
});

test('a generator that is added is named in package.json, packed, and can be loaded; its decoder is half as large', async () => {
  await script('add', 'pocket', join(POCKET, 'generator'));
  const description = JSON.parse(await read('package.json'));
  expect(description['dnd-lora'].generators.pocket).toBe('pocket');
  expect(description.files).toContain('pocket');
  expect(description.private).toBeUndefined();
  await using added = await Generator.load(join(folder(), 'pocket'));
  await using original = await Generator.load(join(POCKET, 'generator'));
  const [one, other] = await Promise.all([added, original].map((each) => each.generate(PROMPTS)));
  expect(one!.report.adapter.norm).toBeCloseTo(other!.report.adapter.norm, 1);
  const bytes = async (path: string) => (await readFile(join(path, 'decoder.safetensors'))).length;
  expect((await bytes(join(folder(), 'pocket'))) / (await bytes(join(POCKET, 'generator')))).toBeCloseTo(0.5, 1);
});

test('the package of this repository is fit to be published', async () => {
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'generator-package.cjs'), '--check']);
  const generator = await Generator.load(join(SHIPPED, 'house-styles'), { encoder: 'hash' }).catch((error) => error);
  expect(generator).toMatchObject({ code: 'ENCODER_MISMATCH' });
});

test('--check names what keeps a package from being published', async () => {
  const description = JSON.parse(await read('package.json'));
  const only = (generators: object) =>
    writeJson(join(folder(), 'package.json'), { ...description, 'dnd-lora': { generators, default: 'pocket' } });
  await only({ pocket: 'pocket' });
  await expect(script('--check')).rejects.toEqual(failing('pocket: there is no pocket/generator.json'));
  await script('add', 'pocket', join(POCKET, 'generator'));
  await expect(script('--check')).rejects.toEqual(failing('evaluation.json has no evaluation of it'));
  await script('evaluated', 'pocket', join(folder(), 'eval.json'));
  await expect(script('--check')).rejects.toEqual(failing('error: there is no demo.json'));
  const demo = (name: string) => writeJson(join(folder(), 'demo.json'), { tasks: [{ name }] });
  await demo('who-king-polite');
  await expect(script('--check')).rejects.toEqual(failing('pocket was trained on the task who-king-polite'));
  await demo('who-king-glad');
  await script('--check');
  await writeFile(join(folder(), 'README.md'), (await read('README.md')).replace('50.0 %', '51.0 %'));
  await expect(script('--check')).rejects.toEqual(failing('README.md does not have the figures of evaluation.json'));
  await script();
  await mkdir(join(folder(), 'pocket', 'encoder'));
  await writeFile(join(folder(), 'pocket', 'encoder', 'model.safetensors'), Buffer.alloc(12e6));
  await expect(script('--check')).rejects.toEqual(failing('expected at most 12000000'));
});
