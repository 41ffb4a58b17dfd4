import { type Command, Option } from 'commander';
import { PEFT_CONFIG_FILE } from '../adapter/index.js';
import {
  DEFAULT_MODEL,
  DEMO_MODELS,
  type DemoModelName,
  type DemoResult,
  type FetchModel,
  readWorld,
  runDemo,
} from '../demo/index.js';
import { DndError } from '../errors.js';
import { checkFolderOutput } from '../files/index.js';
import { type PromptFields, type PromptItem, readPromptItems, readPromptSet } from '../prompts/index.js';
import { checkPath } from '../validation/index.js';
import { demoLines, taskLines } from './demo-view.js';
import { downloadedFolder } from './hub-options.js';
import { type Io, print } from './io.js';
import {
  forceOption,
  jsonOption,
  promptFieldOption,
  responseFieldOption,
  threadsOption,
  wholeNumber,
} from './options.js';
import { showProgress } from './progress.js';

interface Options extends PromptFields {
  model: DemoModelName;
  base?: string;
  encoder?: string;
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
    .description(
      'Show prompts turning into weights, on the small trained world that the package contains, or on a real model.',
    )
    .addOption(
      new Option(
        '--model <name>',
        'pocket: the small world; smollm2: SmolLM2-135M-Instruct, with an npm package of generators',
      )
        .choices(DEMO_MODELS)
        .default(DEFAULT_MODEL),
    )
    .option('--base <path>', 'base model of smollm2: folder, or a GGUF file (default: a fetched copy, else a download)')
    .option('--encoder <folder>', 'text encoder of smollm2, if its generators need one (default: as for --base)')
    .option('--task <name>', 'held-out task to show (default: the first of --list)')
    .option('--list', 'list the held-out tasks')
    .addOption(
      new Option(
        '--prompts <file>',
        'your own prompts, for pocket in its language, instead of a task, or - for standard input; their responses, if any, are what counts as right',
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

async function listTasks({ model, json }: Options, io: Io): Promise<void> {
  const { tasks } = await readWorld(model);
  print(io, json, tasks, () => taskLines(model, tasks));
}

async function demo({ prompts, out, seed, threads, force, json, ...options }: Options, io: Io): Promise<void> {
  const { model, base, encoder, task, promptField, responseField } = options;
  const { signal } = io;
  for (const [name, path] of Object.entries({ base, encoder })) {
    if (path === undefined) continue;
    checkPath(path, `--${name}`);
    if (model !== 'pocket') continue;
    throw new DndError('INVALID_ARGUMENT', `--${name}: the pocket world has its own; expected --model smollm2 with it`);
  }
  // An unwritable folder fails before the work.
  if (out !== undefined) await checkFolderOutput(checkPath(out, '--out'), { force, marker: PEFT_CONFIG_FILE });
  const own = prompts === undefined ? undefined : await readOwn(prompts, { promptField, responseField }, io);
  // The pocket world is shown sooner than a bar would be read.
  const view = model === 'pocket' ? undefined : showProgress(io, json);
  let result: DemoResult;
  try {
    result = await runDemo({
      ...{ model, base, encoder, task, prompts: own, seed, threads, signal },
      fetch: fetchWith(io, json === true),
      onProgress: view && ((fraction) => view.onProgress(fraction, 'demo')),
    });
  } finally {
    view?.stop();
  }
  if (out !== undefined) await result.adapter.save(out, { dtype: 'f32', force, signal });
  print(io, json, jsonOf(result, out), () => demoLines(result, out));
}

function fetchWith(io: Io, quiet: boolean): FetchModel {
  return async (repository, kind) => {
    try {
      return await downloadedFolder(`hf:${repository}`, kind, io, quiet);
    } catch (error) {
      if (!(error instanceof DndError)) throw error;
      const what = kind === 'base' ? 'a folder, or a GGUF file' : 'a folder';
      const advice = `With a copy that is here (${what}), nothing is downloaded: --${kind} <path>`;
      throw new DndError(error.code, `${error.message}. ${advice}`, { cause: error });
    }
  };
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
