#!/usr/bin/env node
import { DndError } from '../errors.js';
import { run } from './run.js';

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  // Once: who asks a second time does not want to wait.
  process.once(name, () => interruption.abort(new DndError('ABORTED', 'interrupted; nothing was left behind')));
}
// `dnd inspect … | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const { stdin, stdout, stderr } = process;
run(process.argv.slice(2), { stdin, stdout, stderr, signal: interruption.signal }).then((code) => {
  process.exitCode = code;
});
