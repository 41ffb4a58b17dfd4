#!/usr/bin/env node
import { abortAtSignals } from '../engine/index.js';
import { run } from './run.js';
import { standardStreams } from './standard-streams.js';

const interruption = new AbortController();
const { signal } = interruption;
abortAtSignals(interruption);
const { stdout, stderr, finish } = standardStreams((failure) => interruption.abort(failure));

run(process.argv.slice(2), { stdin: process.stdin, stdout, stderr, signal }).then(async (code) => {
  process.exitCode = await finish(code);
});
