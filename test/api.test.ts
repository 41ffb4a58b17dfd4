import { execFileSync } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as api from '../src/index.js';
import * as language from '../src/language.js';
import * as training from '../src/training/index.js';
import { TINY_BASE, TINY_SETTINGS } from './generator/tiny.js';
import { useTemporaryFolder } from './temporary-folder.js';

const ROOT = join(__dirname, '..');
const temporary = useTemporaryFolder();

test('the public API is what the documentation shows, and nothing else', () => {
  expect(Object.keys(api).sort()).toEqual([
    'ComposedAdapter',
    'DndError',
    'GeneratedAdapter',
    'Generator',
    'LoraAdapter',
    'PRESETS',
    'compareAdapters',
    'comparisonPage',
    'composeAdapters',
    'convert',
    'download',
    'mergeAdapter',
    'readBaseModel',
    'readDescriptions',
    'readGgufAdapter',
    'readGgufBase',
    'readMlx',
    'readPeft',
    'readPromptSet',
    'writeGgufAdapter',
    'writeMlx',
  ]);
});

test('the API of training is what the documentation shows, and nothing else', () => {
  expect(Object.keys(training).sort()).toEqual([
    'DndError',
    'Trainer',
    'abortAtSignals',
    'openPairs',
    'planRun',
    'readConfig',
    'readRunDescription',
    'resumePoint',
    'trainToEnd',
  ]);
  expect(training.DndError).toBe(api.DndError);
});

test('the API of language models is what the documentation shows, and nothing else', () => {
  expect(Object.keys(language).sort()).toEqual([
    'DndError',
    'LanguageModel',
    'LoraAdapter',
    'abortAtSignals',
    'encodeExample',
    'evaluate',
    'evaluationPage',
    'finetune',
    'importCheckpoints',
    'loadLanguageModel',
    'readFinetuneConfig',
    'readPeft',
    'trainLanguageModel',
    'writeRecipe',
  ]);
  expect(language.DndError).toBe(api.DndError);
});

test('as a user would write it', async () => {
  const generator = await api.Generator.create(TINY_SETTINGS);
  try {
    const prompts = ['What is granite made of?', 'How old is the Earth?'];
    const adapter = await generator.generate(prompts, { seed: 7, signal: new AbortController().signal });
    expect(adapter).toBeInstanceOf(api.GeneratedAdapter);
    expect(adapter.report.prompts.used).toBe(2);
    await adapter.save(join(temporary(), 'geology'));
    const names: string[] = [];
    for await (const { name, adapter } of generator.generateMany({ geology: prompts, law: ['Who may sue?'] })) {
      await adapter.save(join(temporary(), 'many', name));
      names.push(name);
    }
    expect(names).toEqual(['geology', 'law']);
    await generator.save(join(temporary(), 'generator'));
  } finally {
    generator.dispose();
  }
  const saved = await api.readPeft(join(temporary(), 'many', 'law'));
  expect(saved).toBeInstanceOf(api.LoraAdapter);
  expect(saved.config).toMatchObject({ rank: 2, alpha: 4, baseModelName: TINY_BASE.name });
  const loaded = await api.Generator.load(join(temporary(), 'generator'));
  expect(loaded.manifest.base).toEqual(TINY_BASE);
  await loaded[Symbol.asyncDispose]();
});

test('what is refused is a DndError with a code', async () => {
  const error = await api.Generator.load(join(temporary(), 'nowhere')).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(api.DndError);
  expect(error).toMatchObject({ name: 'DndError', code: 'FILE_NOT_FOUND' });
});

test('require and import of the built package give the same classes', async () => {
  // Built here, so that no older dist/ can stand in for the sources.
  const home = join(temporary(), 'node_modules', 'dnd-lora');
  await mkdir(home, { recursive: true });
  await cp(join(ROOT, 'package.json'), join(home, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(home, 'node_modules'));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.json'), '--outDir', join(home, 'dist')]);
  await writeFile(
    join(temporary(), 'both.mjs'),
    `import { createRequire } from 'node:module';
import * as imported from 'dnd-lora';
import * as language from 'dnd-lora/language';
import * as training from 'dnd-lora/training';
const required = createRequire(import.meta.url)('dnd-lora');
const error = await imported.Generator.load('nowhere').catch((thrown) => thrown);
// Node 23 and newer also show a CommonJS module as a whole, under 'module.exports'.
const namesOf = (module) => Object.keys(module).filter((name) => name !== '__esModule' && name !== 'module.exports').sort();
console.log(JSON.stringify({
  names: namesOf(imported),
  same: Object.keys(required).every((name) => required[name] === imported[name]),
  ours: error instanceof required.DndError,
  training: namesOf(training),
  language: namesOf(language),
  sameLanguage: language.LanguageModel === createRequire(import.meta.url)('dnd-lora/language').LanguageModel,
  sameTraining: training.Trainer === createRequire(import.meta.url)('dnd-lora/training').Trainer,
}));`,
  );
  const output = execFileSync(process.execPath, [join(temporary(), 'both.mjs')], { encoding: 'utf8' });
  expect(JSON.parse(output)).toEqual({
    names: Object.keys(api).sort(),
    same: true,
    ours: true,
    training: Object.keys(training).sort(),
    language: Object.keys(language).sort(),
    sameLanguage: true,
    sameTraining: true,
  });
});
