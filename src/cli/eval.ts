import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { DndError } from '../errors.js';
import { type EvaluationResult, evaluate, evaluationPage, intervalText } from '../evaluation/index.js';
import { checkFileOutput, writeFileAtomically } from '../files/index.js';
import type { PromptFields } from '../prompts/index.js';
import { type Io, print } from './io.js';
import {
  commaSeparated,
  jsonOption,
  promptFieldOption,
  responseFieldOption,
  threadsOption,
  wholeNumber,
  wholeNumbers,
} from './options.js';
import { showProgress } from './progress.js';
import { counted, table } from './table.js';

interface Options extends Pick<PromptFields, 'promptField' | 'responseField'> {
  generator: string;
  encoder?: string;
  base: string;
  tasks: string;
  pairs?: string;
  only?: string[];
  draws: number;
  promptCounts?: number[];
  singleLimit?: number;
  maxNewTokens: number;
  system?: string;
  raw?: boolean;
  seed: number;
  skipCorrupt?: boolean;
  page?: string;
  out?: string;
  threads?: number;
  json?: boolean;
}

export function addEval(program: Command, io: Io): void {
  program
    .command('eval')
    .description('Try generated adapters on held-out tasks, beside trained LoRAs and controls.')
    .requiredOption('--generator <path>', 'generator: folder, or npm package that is installed')
    .option('--encoder <folder>', 'text encoder folder, if the generator does not contain it')
    .requiredOption('--base <path>', 'base model: folder with weights and tokenizer, or a GGUF file')
    .requiredOption(
      '--tasks <folder>',
      'tasks: <task>/prompts.json (or descriptions.json) and test.json, or <task>.json with train and test',
    )
    .option('--pairs <folder>', 'pairs folder of the training LoRAs, to compare with')
    .addOption(new Option('--only <names>', 'evaluate these tasks, comma-separated').argParser(commaSeparated))
    .addOption(new Option('--draws <n>', 'prompt sets drawn per task').argParser(wholeNumber(1)).default(3))
    .addOption(
      new Option(
        '--prompt-counts <numbers>',
        'also generate from so many prompts of each task, comma-separated: 1,4,16,64',
      ).argParser(wholeNumbers(1)),
    )
    .addOption(
      new Option(
        '--single-limit <n>',
        'most training LoRAs to try one by one, sampled; 0: none (default: all)',
      ).argParser(wholeNumber(0)),
    )
    .addOption(new Option('--max-new-tokens <n>', 'most tokens of an answer').argParser(wholeNumber(1)).default(64))
    .option('--system <text>', 'system prompt of every item')
    .addOption(promptFieldOption())
    .addOption(responseFieldOption())
    .option('--raw', 'continue prompts as they are, without the chat template')
    .addOption(
      new Option('--seed <n>', 'random seed for draws, samples, controls and intervals')
        .argParser(wholeNumber(0))
        .default(0),
    )
    .option('--skip-corrupt', 'skip damaged checkpoints of the pairs folder')
    .option('--out <file>', 'write the result there as JSON')
    .option('--page <file>', 'write an HTML page of the result there')
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: Options) => run(options, io));
}

async function run({ page, out, json, only, promptField, responseField, ...options }: Options, io: Io): Promise<void> {
  // Before the work, not after it.
  for (const path of [page, out]) if (path !== undefined) await checkFileOutput(path);
  if (page !== undefined && out !== undefined && resolve(page) === resolve(out))
    throw new DndError('INVALID_ARGUMENT', `--out and --page are both ${page}; expected two files`);
  const view = showProgress(io, json);
  let result: EvaluationResult;
  try {
    const onProgress = (fraction: number) => view.onProgress(fraction, 'evaluate');
    result = await evaluate({
      ...options,
      names: only,
      fields: { promptField, responseField },
      signal: io.signal,
      onProgress,
    });
  } finally {
    view.stop();
  }
  if (out !== undefined) await writeFileAtomically(out, `${JSON.stringify(result, null, 1)}\n`);
  if (page !== undefined) await writeFileAtomically(page, evaluationPage(result));
  print(io, json, result, () => lines(result));
}

function lines({ texts, tasks, singles, rows, verdict, notes, draws }: EvaluationResult): string[] {
  const items = tasks.reduce((sum, { test }) => sum + test, 0);
  const cells = rows.map(({ label, exactMatch, logLikelihood }) => [
    label,
    intervalText(exactMatch),
    logLikelihood.mean.toFixed(3),
  ]);
  const best = rows.find(({ of }) => of !== null);
  return [
    `${counted(tasks.length, 'task')}, ${counted(items, 'test item')}, ${counted(draws, `${(texts ?? 'prompts').slice(0, -1)} draw`)}, ${singles.tried} of ${counted(singles.of, 'training LoRA')} one by one`,
    '',
    ...table(['adapter', 'exact match (95 % interval)', 'log-likelihood'], cells),
    '',
    verdict.headline,
    ...verdict.reasons.map((reason) => `  ${reason}`),
    ...(best ? [`Note: the ${best.label}, is that of ${best.of}.`] : []),
    ...notes.map((note) => `Note: ${note}.`),
  ];
}
