import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PRETRAIN_SETTINGS } from '../../src/finetuning/pretrain-settings.js';
import { FINETUNE_SETTINGS } from '../../src/finetuning/settings.js';
import { SETTINGS } from '../../src/training/settings-table.js';
import { type Documented, KIND, readReference, symbols, textOf } from './reference.js';

jest.setTimeout(300_000); // the machine may be slow and shared

let all: Documented[];

// TypeDoc itself fails for a symbol without a docstring, a type that is not exported and a link to nothing.
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-reference-'));
  try {
    all = [...symbols(await readReference(folder))];
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const isCallable = ({ reflection: { kind } }: Documented) =>
  [KIND.function, KIND.method, KIND.constructor].includes(kind);
const isValue = ({ reflection: { kind } }: Documented) => kind === KIND.property || kind === KIND.accessor;
const pathsOf = (found: readonly Documented[]) => found.map(({ path }) => path);

test('the reference has the three entry points', () => {
  const modules = all.filter(({ reflection }) => reflection.kind === KIND.module);
  expect(pathsOf(modules).sort()).toEqual(['dnd-lora', 'dnd-lora/language', 'dnd-lora/training']);
  expect(pathsOf(all)).toEqual(
    expect.arrayContaining([
      'dnd-lora.Generator.load',
      'dnd-lora.GenerationReport.prompts.used',
      'dnd-lora/training.Trainer.run',
      'dnd-lora/language.LanguageModel.generate',
    ]),
  );
});

test('every symbol has a docstring of its own', () => {
  const without = all.filter(({ reflection }) => {
    const refersElsewhere = 'target' in reflection;
    return !refersElsewhere && textOf(reflection).trim().length < 8;
  });
  expect(pathsOf(without)).toEqual([]);
});

test('a docstring says what the symbol is, and only then when it is missing and what its default is', () => {
  const dangling = all.filter(({ reflection }) =>
    /^(Default|Missing|Required|Of|By|Or|With|For|In|undefined|null)\b/.test(textOf(reflection)),
  );
  expect(pathsOf(dangling)).toEqual([]);
});

/** What only reads memory, stops something, or says in its docstring when it is of no effect. */
const THROWS_NOTHING = [
  'dnd-lora.comparisonPage',
  'dnd-lora.ComposedAdapter.constructor',
  'dnd-lora.DndError.constructor',
  'dnd-lora.GgufBase.weightShape',
  'dnd-lora.Generator.dispose',
  'dnd-lora.Generator.[asyncDispose]',
  'dnd-lora.Generator.[dispose]',
  'dnd-lora.PromptInput.destroy',
  'dnd-lora/language.evaluationPage',
  'dnd-lora/language.LanguageModel.dispose',
  'dnd-lora/language.LanguageModel.[dispose]',
  'dnd-lora/language.LanguageTokeniser.decode',
  'dnd-lora/language.LanguageTokeniser.idOf',
  'dnd-lora/training.abortAtSignals',
  'dnd-lora/training.resumePoint',
  'dnd-lora/training.Trainer.dispose',
  'dnd-lora/training.Trainer.[asyncDispose]',
];

test('every function and method says which errors it throws', () => {
  const silent = all.filter((symbol) => isCallable(symbol) && !/@throws DndError /.test(textOf(symbol.reflection)));
  expect(pathsOf(silent).filter((path) => !THROWS_NOTHING.includes(path))).toEqual([]);
});

test('errors are named by codes that exist, and by functions that the reader can look up', () => {
  const names = new Set(pathsOf(all).flatMap((path) => [path.split('.').slice(1).join('.'), path.split('.').at(-1)!]));
  const codes = new Set(errorCodes());
  const wrong = all.filter(isCallable).flatMap(({ path, reflection }) => {
    const [, throws = ''] = /@throws ([^@]*)/.exec(textOf(reflection)) ?? [];
    const unknown = [
      ...[...throws.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([code]) => code).filter((code) => !codes.has(code)),
      ...[...throws.matchAll(/\bas ((?:`[\w.]+`(?:, | and )?)+)/g)].flatMap(([, list]) =>
        [...list!.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!).filter((name) => !names.has(name)),
      ),
    ];
    return unknown.map((name) => `${path}: ${name}`);
  });
  expect(wrong).toEqual([]);
});

function errorCodes(): string[] {
  const { reflection } = all.find(({ path }) => path === 'dnd-lora.ErrorCode')!;
  return (reflection.type as { types: { value: string }[] }).types.map(({ value }) => value);
}

test('every array of numbers says its shape', () => {
  const arrays = all.filter(
    (symbol) =>
      isValue(symbol) && /"name":"(Float|Int|Uint)\d+Array"/.test(JSON.stringify(symbol.reflection.type ?? '')),
  );
  expect(arrays.length).toBeGreaterThan(4);
  expect(pathsOf(arrays.filter(({ reflection }) => !/\[|row by row/.test(textOf(reflection))))).toEqual([]);
});

/** Numbers that have a unit: it is in the name, or in the docstring. */
const UNITS = [
  [/memory(Limit)?$/i, /byte/i],
  [/^(seconds|\w+Seconds)$/, /time|predicted|waiting/i],
  [/loss$/i, /\bnats?\b|mean|loss of|lr/i],
] as const;

test('numbers with a unit name it', () => {
  const numbers = all.filter(
    (symbol) => isValue(symbol) && isNumber(symbol.reflection.type ?? symbol.reflection.getSignature?.type),
  );
  const without = numbers.filter(({ path, reflection }) =>
    UNITS.some(([name, unit]) => {
      const own = path.split('.').at(-1)!;
      return name.test(own) && !/Bytes$/.test(own) && !unit.test(textOf(reflection));
    }),
  );
  expect(pathsOf(without)).toEqual([]);
});

function isNumber(type: unknown): boolean {
  const { name, types } = (type ?? {}) as { name?: string; types?: unknown[] };
  return name === 'number' || types?.some(isNumber) === true;
}

interface Described {
  default?: unknown;
  required?: boolean;
}

test.each<[string, string, Record<string, Described>]>([
  ['dnd-lora/language', 'FinetuneSettings', FINETUNE_SETTINGS],
  ['dnd-lora/language', 'PretrainSettings', PRETRAIN_SETTINGS],
  ['dnd-lora/training', 'TrainingSettings', SETTINGS],
])('docstrings of settings give the defaults of the table: %s %s', (module, name, table) => {
  const settings = Object.entries(table).map(([key, { default: value, required }]) => {
    const { reflection } = all.find(({ path }) => path === `${module}.${name}.${key}`)!;
    return { key, text: textOf(reflection), value, required: required === true };
  });
  const differ = settings.filter(
    ({ text, value, required }) =>
      required !== /Required\.$/.test(text) || (value !== undefined && defaultIn(text) !== value),
  );
  expect(differ.map(({ key, text, value }) => ({ key, text, value }))).toEqual([]);
});

/** `Default: 0.02.`, `Default: 'f32'.`, `Default: 20 GiB.`, `Default: false.` as values. */
function defaultIn(text: string): unknown {
  const shown = /Default: (.*)\.$/s.exec(text)?.[1];
  if (shown === undefined) return undefined;
  const quoted = /^'(.*)'$/.exec(shown);
  if (quoted) return quoted[1];
  const gibibytes = /^(\d+) GiB$/.exec(shown);
  if (gibibytes) return Number(gibibytes[1]) * 2 ** 30;
  return shown === 'true' || shown === 'false' ? shown === 'true' : Number(shown);
}
