import { type Command, Option } from 'commander';
import { NORMALISATIONS } from '../adapter/index.js';
import { formatBytes } from '../engine/index.js';
import type { PromptFields } from '../prompts/index.js';
import {
  describeProblem,
  examinePairs,
  LAYOUTS_DIFFER,
  meaninglessTask,
  mismatchTable,
  type OpenPairsOptions,
  type PairsExamination,
  type PairsStatisticsOptions,
  pairsStatistics,
  TARGETS,
  type Task,
} from '../training/pairs/index.js';
import { EXIT_FAILED, type Io, print } from './io.js';
import { jsonOption, promptFieldOption, promptSystemOption, responseFieldOption, wholeNumber } from './options.js';
import { addImport, addRecipe } from './pairs-recipe.js';
import { statisticsLines } from './pairs-table.js';
import { showProgress } from './progress.js';
import { counted, list } from './table.js';

interface CheckOptions extends Pick<OpenPairsOptions, 'skipCorrupt' | 'base'>, PromptFields {
  json?: boolean;
}

interface StatsOptions
  extends Pick<
      PairsStatisticsOptions,
      'skipCorrupt' | 'base' | 'encoder' | 'maxLength' | 'chunk' | 'normalisation' | 'targets'
    >,
    PromptFields {
  json?: boolean;
}

export function addPairs(program: Command, io: Io, exit: (code: number) => void): void {
  const pairs = program
    .command('pairs')
    .description('Check, summarise or collect prompt–checkpoint pairs, the training data of dnd train.');
  common(pairs.command('check'))
    .description('Report every problem that blocks training on a pairs folder.')
    .action(async (folder: string, options: CheckOptions) => {
      const examination = await check(folder, options, io);
      const ok = examination.pairs !== null;
      print(io, options.json, checkResult(examination), () => checkLines(examination));
      if (!ok) exit(EXIT_FAILED);
    });
  common(pairs.command('stats'))
    .description('Print statistics of a pairs folder: prompts, checkpoints, weights, token importance.')
    .option(
      '--encoder <folder>',
      "text encoder folder, or 'hash', to count prompt lengths in tokens (default: count characters)",
    )
    .option('--max-length <n>', "maximum tokens per prompt (default: the encoder's window)", wholeNumber(1))
    .option('--chunk <n>', 'columns per weight token (default: derived from the base model)', wholeNumber(1))
    .addOption(
      new Option('--normalisation <how>', 'of the weight tokens whose importance is given (default: chunk)').choices(
        NORMALISATIONS,
      ),
    )
    .addOption(
      new Option('--targets <how>', 'checkpoints as targets, whose importance is given (default: raw)').choices(
        TARGETS,
      ),
    )
    .action(async (folder: string, { json, ...options }: StatsOptions) => {
      const { onProgress, stop } = showProgress(io, json);
      const given = { ...options, fields: fieldsIn(options), signal: io.signal, onProgress };
      const statistics = await pairsStatistics(folder, given).finally(stop);
      print(io, json, statistics, () => statisticsLines(statistics));
    });
  addRecipe(pairs, io);
  addImport(pairs, io);
}

function common(command: Command): Command {
  return command
    .argument(
      '<folder>',
      'pairs folder: one folder per task with prompts.json and checkpoints/; pairs.json is optional',
    )
    .option('--base <path>', 'base model: config.json, its folder, or a GGUF file')
    .option('--skip-corrupt', 'skip damaged checkpoints')
    .addOption(promptFieldOption())
    .addOption(responseFieldOption())
    .addOption(promptSystemOption())
    .addOption(jsonOption());
}

function fieldsIn({ promptField, responseField, system }: PromptFields): PromptFields {
  return { promptField, responseField, system };
}

async function check(folder: string, { json, ...options }: CheckOptions, io: Io): Promise<PairsExamination> {
  const { onProgress, stop } = showProgress(io, json);
  return examinePairs(folder, {
    ...options,
    fields: fieldsIn(options),
    signal: io.signal,
    onProgress: (fraction) => onProgress(fraction, 'pairs'),
  }).finally(stop);
}

/** Limits the mismatches in JSON: every tensor of hundreds of checkpoints may differ. */
const MOST_MISMATCHES = 1000;

function checkResult({ folder, pairs, problems, mismatches }: PairsExamination) {
  const some = { mismatches: mismatches.slice(0, MOST_MISMATCHES), mismatchCount: mismatches.length };
  if (!pairs) return { folder, ok: false, problems, ...some };
  const { base, adapter, tasks, skipped, warnings, digest } = pairs;
  const summaries = tasks.map(({ name, heldOut, items, checkpoints }) => ({
    name,
    heldOut,
    prompts: items.length,
    checkpoints: checkpoints.length,
  }));
  return { folder, ok: true, problems, ...some, base, adapter, tasks: summaries, skipped, warnings, digest };
}

function doubtOf(tasks: readonly Task[]): string {
  const trained = tasks.filter(({ heldOut }) => !heldOut);
  const meaningless = trained.filter((task) => meaninglessTask(task) !== null);
  return meaningless.length === 0
    ? ''
    : `, but the checkpoints of ${meaningless.length} of ${counted(trained.length, 'task')} teach nothing`;
}

function checkLines(examination: PairsExamination): string[] {
  const { folder, pairs, problems, mismatches } = examination;
  if (!pairs) {
    const others = problems.filter(({ code }) => code !== 'LAYOUT_MISMATCH').map(describeProblem);
    const layouts = mismatches.length > 0 ? [LAYOUTS_DIFFER, ...mismatchTable(mismatches)] : [];
    return [
      ...others,
      ...layouts,
      '',
      `${folder}: ${counted(problems.length, 'problem')}; it cannot be used for training.`,
    ];
  }
  const { base, adapter, tasks, start, skipped, warnings, digest } = pairs;
  const heldOut = tasks.filter((task) => task.heldOut).length;
  const prompts = tasks.reduce((sum, { items }) => sum + items.length, 0);
  const answered = tasks.reduce((sum, { items }) => sum + items.filter(({ response }) => response !== '').length, 0);
  const checkpoints = tasks.flatMap((task) => task.checkpoints);
  const bytes = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
  return [
    ...list([
      ['pairs', folder],
      ['base model', base ? `${base.name ?? 'unnamed'} (${base.modelType}, ${base.layers} layers)` : 'unknown'],
      ['tasks', `${tasks.length}, ${heldOut} of them held out`],
      ['prompts', `${counted(prompts, 'prompt')}, ${answered} of them with a response`],
      ['checkpoints', `${checkpoints.length}, ${formatBytes(bytes)}`],
      ...(start ? [['start', `${start.name}, ${formatBytes(start.bytes)}`] as const] : []),
      [
        'adapter',
        `rank ${adapter.rank}, alpha ${adapter.alpha}${adapter.useRslora ? ', rsLoRA' : ''}: ${adapter.modules.join(', ')}`,
      ],
      ['digest', digest],
    ]),
    ...skipped.map((problem) => `skipped  ${describeProblem(problem)}`),
    ...warnings.map((warning) => `warning  ${warning}`),
    '',
    `Ready for training${lossFor(tasks)}${base ? '' : '; dnd train requires --base'}${doubtOf(tasks)}.`,
  ];
}

function lossFor(tasks: readonly Task[]): string {
  const trained = tasks.filter(({ heldOut }) => !heldOut);
  return trained.every(({ checkpoints }) => checkpoints.length === 0) ? " with the loss 'behaviour'" : '';
}
