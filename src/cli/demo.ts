import { type Command, Option } from 'commander';
import { PEFT_CONFIG_FILE } from '../adapter/index.js';
import { type DemoResult, POCKET_FOLDER, readPocketWorld, runDemo } from '../demo/index.js';
import { checkFolderOutput } from '../files/index.js';
import { type PromptFields, type PromptItem, readPromptItems, readPromptSet } from '../prompts/index.js';
import { checkPath } from '../validation/index.js';
import { demoLines, taskLines } from './demo-view.js';
import { type Io, print } from './io.js';
import {
  forceOption,
  jsonOption,
  promptFieldOption,
  responseFieldOption,
  threadsOption,
  wholeNumber,
} from './options.js';

interface Options extends PromptFields {
  task?: string;
  list?: boolean;
  prompts?: string;
  out?: string;
  seed: number;
  threads?: number;
  force?: boolean;
  json?: boolean;
}

export function addDemo(program: Command, io: Io): void {
  program
    .command('demo')
    .description('Show prompts turning into weights, on the small trained world that the package contains.')
    .option('--task <name>', 'held-out task to show (default: the first of --list)')
    .option('--list', 'list the held-out tasks')
    .addOption(
      new Option(
        '--prompts <file>',
        'your own prompts in the pocket language instead of a task, or - for standard input; their responses, if any, are what counts as right',
      ).conflicts('task'),
    )
    .addOption(promptFieldOption())
    .addOption(responseFieldOption())
    .option('--out <folder>', 'write the generated adapter there, as a PEFT folder')
    .addOption(new Option('--seed <n>', 'random seed for prompt sampling').argParser(wholeNumber(0)).default(0))
    .addOption(forceOption('adapter'))
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action((options: Options) => (options.list ? listTasks(options, io) : demo(options, io)));
}

async function listTasks({ json }: Options, io: Io): Promise<void> {
  const { tasks } = await readPocketWorld(POCKET_FOLDER);
  print(io, json, tasks, () => taskLines(tasks));
}

async function demo({ task, prompts, out, seed, threads, force, json, ...fields }: Options, io: Io): Promise<void> {
  const { signal } = io;
  // An unwritable folder fails before the work.
  if (out !== undefined) await checkFolderOutput(checkPath(out, '--out'), { force, marker: PEFT_CONFIG_FILE });
  const own = prompts === undefined ? undefined : await readOwn(prompts, fields, io);
  const result = await runDemo({ task, prompts: own, seed, threads, signal });
  if (out !== undefined) await result.adapter.save(out, { dtype: 'f32', force, signal });
  print(io, json, jsonOf(result, out), () => demoLines(result, out));
}

async function readOwn(
  file: string,
  { promptField, responseField }: PromptFields,
  { stdin, signal }: Io,
): Promise<{ items: PromptItem[]; source: string }> {
  const fields = { promptField, responseField };
  if (file !== '-') return { items: await readPromptItems(file, fields), source: file };
  const prompts = await readPromptSet(file, stdin, signal, fields);
  return { items: prompts.map((prompt) => ({ prompt, response: '' })), source: 'standard input' };
}

function jsonOf({ adapter, answers, ...rest }: DemoResult, out: string | undefined) {
  return { ...rest, answers, generation: adapter.report, out: out ?? null };
}
