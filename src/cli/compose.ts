import { type Command, InvalidArgumentError, Option } from 'commander';
import { FLOAT_DTYPES, type FloatDtypeName } from '../adapter/index.js';
import type { FolderNames } from '../comparison/read-adapters.js';
import { composeFolders } from '../composition/compose-folders.js';
import type { ComposedModule, CompositionReport } from '../composition/composed-adapter.js';
import { type Io, print } from './io.js';
import { forceOption, jsonOption, wholeNumber } from './options.js';
import { showProgress } from './progress.js';
import { counted, list, shortNumber } from './table.js';

interface Options {
  weights: number[];
  out: string;
  rank?: number;
  dtype: FloatDtypeName;
  force?: boolean;
  json?: boolean;
  /** What `hf:owner/name` on the command line has become. */
  names?: FolderNames;
}

export function addCompose(program: Command, io: Io): void {
  program
    .command('compose')
    .description('Add adapters of one base model, each with a weight, and recompress the sum to one rank.')
    .argument('<adapters...>', 'PEFT adapter folders')
    .addOption(
      new Option('--weights <numbers>', 'comma-separated factors, one for each adapter')
        .argParser(commaSeparatedNumbers)
        .makeOptionMandatory(),
    )
    .requiredOption('--out <folder>', 'output folder of the composed adapter')
    .addOption(
      new Option('--rank <n>', 'rank of the result (default: the largest of the adapters)').argParser(wholeNumber(1)),
    )
    .addOption(
      new Option('--dtype <name>', 'dtype of the saved tensors').choices(Object.keys(FLOAT_DTYPES)).default('f32'),
    )
    .addOption(forceOption('adapter'))
    .addOption(jsonOption())
    .action(async (folders: string[], { json, ...options }: Options) => {
      const { onProgress, stop } = showProgress(io, json);
      const report = await composeFolders(folders, { ...options, signal: io.signal, onProgress }).finally(stop);
      print(io, json, { out: options.out, dtype: options.dtype, ...report }, () => lines(options, report));
    });
}

function commaSeparatedNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InvalidArgumentError('expected comma-separated numbers, such as 0.5,0.5');
}

const MOST_LISTED = 3;

function lines({ out, dtype }: Options, report: CompositionReport): string[] {
  const { adapters, rank, norm, discardedShare, modules, notes, warning } = report;
  const worst = modules.toSorted((a, b) => b.discardedShare - a.discardedShare).slice(0, MOST_LISTED);
  return [
    ...list([
      ['adapter', out],
      ['', `${counted(modules.length, 'module')}, rank ${rank}, ${dtype}, norm ${shortNumber(norm)}`],
      ...adapters.map(({ name, weight }, i) => [i === 0 ? 'sum of' : '', `${weight} × ${name}`] as const),
      ['discarded', `${percent(discardedShare)} of the sum (relative Frobenius error)`],
      ...(discardedShare > 0 ? worst.map((module) => ['', worstLine(module)] as const) : []),
    ]),
    ...notes.map((note) => `Note: ${note}.`),
    `Warning: ${warning}.`,
  ];
}

function worstLine({ module, discardedShare }: ComposedModule): string {
  return `${percent(discardedShare)} in ${module}`;
}

function percent(share: number): string {
  return `${shortNumber(Number((100 * share).toPrecision(3)))} %`;
}
