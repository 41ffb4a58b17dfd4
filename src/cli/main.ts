#!/usr/bin/env node
import { DndError } from '../errors.js';
import { run } from './run.js';

const interruption = new AbortController();
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const interrupt = (name: (typeof SIGNALS)[number]) => {
  // Who asks a second time does not want to wait.
  for (const each of SIGNALS) process.off(each, interrupt);
  interruption.abort(new DndError('ABORTED', 'interrupted; nothing was left behind', { cause: name }));
};
for (const name of SIGNALS) process.on(name, interrupt);
// `dnd inspect … | head` is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const { stdin, stdout, stderr } = process;
run(process.argv.slice(2), { stdin, stdout, stderr, signal: interruption.signal }).then((code) => {
  process.exitCode = code;
});
