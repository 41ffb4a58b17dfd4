import { Command, CommanderError } from 'commander';
import { PACKAGE } from '../package.js';
import { addCompare } from './compare.js';
import { addCompose } from './compose.js';
import { addConvert } from './convert.js';
import { addDemo } from './demo.js';
import { addDoctor } from './doctor.js';
import { addDownload } from './download.js';
import { addEval } from './eval.js';
import { addFinetune } from './finetune.js';
import { addGenerate } from './generate.js';
import { resolveHubReferences } from './hub-options.js';
import { addInit } from './init.js';
import { addInspect } from './inspect.js';
import {
  describeError,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_WRONG_USAGE,
  type Io,
  interruptedExit,
  printFailure,
} from './io.js';
import { addMerge } from './merge.js';
import { addPairs } from './pairs.js';
import { addPlan } from './plan.js';
import { addReport } from './report.js';
import { addTrain } from './train.js';
import { addVerify } from './verify.js';

/** The commands, in the order of the help. */
const COMMANDS = [
  addDemo,
  addInit,
  addGenerate,
  addInspect,
  addConvert,
  addDownload,
  addFinetune,
  addPairs,
  addTrain,
  addReport,
  addEval,
  addMerge,
  addCompare,
  addCompose,
  addPlan,
  addVerify,
  addDoctor,
];

/**
 * Runs one command of `dnd`.
 * @param argv what follows the program's name
 * @returns the exit code: 0 success, 1 failure, 2 usage error, 130 interrupted, 143 terminated
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let exitCode = EXIT_DONE;
  const program = new Command('dnd')
    .description('Generate LoRA adapters from unlabeled prompts (Drag-and-Drop LLMs, arXiv 2506.16406).')
    .version(PACKAGE.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .hook('preAction', (_, command) => resolveHubReferences(command, io))
    .addHelpText('after', '\nExit codes: 0 success, 1 failure, 2 usage error, 130 interrupted, 143 terminated.');
  for (const add of COMMANDS)
    add(program, io, (code) => {
      exitCode = code;
    });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return fail(error, argv.includes('--json'), io);
  }
}

function fail(error: unknown, json: boolean, io: Io): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT_DONE;
    const message = error.message.replace(/^error: /, '');
    // Commander has already printed the message as text.
    if (json) printFailure(io, json, { error: { code: 'INVALID_ARGUMENT', message } }, []);
    return EXIT_WRONG_USAGE;
  }
  const interrupted = io.signal.aborted;
  const { code, message: reason } = describeError(interrupted ? io.signal.reason : error);
  const message = interrupted && code === 'ABORTED' ? 'interrupted; no output was written' : reason;
  printFailure(io, json, { error: { code, message } }, [`error: ${message}`]);
  if (interrupted) return interruptedExit(io);
  return code === 'INVALID_ARGUMENT' ? EXIT_WRONG_USAGE : EXIT_FAILED;
}
