#!/usr/bin/env node
// What each stage of .ci/run took, out of what it printed last, as the table of docs/ci.md.
//   node scripts/ci-table.cjs LOG…     one log, or one of a run without caches and one of a run with them
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const PAGE = join(__dirname, '..', 'docs', 'ci.md');
const LINE = /^(.+?) +(ok|FAILED|) +(\d+) s +(\d+) s of processor(?: +(\d+ passed, \d+ failed))?$/;
const BLOCK = /(<!-- stage times[^\n]*-->\n)[\s\S]*?(<!-- end of stage times -->)/;

/** @returns {{ name: string, outcome: string, seconds: number, processorSeconds: number, counts?: string }[]} */
function readStages(path) {
  const stages = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => LINE.exec(line.trimEnd()))
    .filter(Boolean)
    .map(([, name, outcome, seconds, processorSeconds, counts]) => {
      return { name, outcome, seconds: Number(seconds), processorSeconds: Number(processorSeconds), counts };
    });
  if (!stages.at(-1)?.name.startsWith('in all')) {
    throw new Error(`${path}: it has no table of stages; expected what .ci/run printed to its end`);
  }
  const failed = stages.filter(({ outcome }) => outcome === 'FAILED').map(({ name }) => name);
  if (failed.length > 0) throw new Error(`${path}: ${failed.join(', ')} failed; expected a run that passed`);
  return stages;
}

/** A row for each stage, a pair of columns for each run; counts are those of the last run. */
function table(runs) {
  const conditions = runs.map((stages) => stages.at(-1).name.replace('in all, ', ''));
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const names = [...new Set(runs.flat().map(({ name }) => name))].filter((name) => !name.startsWith('in all'));
  const rows = names.map((name) => {
    const stages = runs.map((run) => run.find((stage) => stage.name === name));
    return row([
      name,
      ...stages.flatMap((stage) => (stage ? [`${stage.seconds} s`, `${stage.processorSeconds} s`] : ['', ''])),
      stages.at(-1)?.counts?.replace(/, 0 failed$/, '') ?? '',
    ]);
  });
  const minutes = (seconds) => `**${Math.floor(seconds / 60)} min ${seconds % 60} s**`;
  const totals = runs.map((stages) => stages.at(-1));
  return [
    row(['stage', ...conditions.flatMap((condition) => [condition, 'processor time']), 'tests']),
    row(['---', ...runs.flatMap(() => ['---:', '---:']), '---']),
    ...rows,
    row([
      'in all',
      ...totals.flatMap(({ seconds, processorSeconds }) => [minutes(seconds), `${processorSeconds} s`]),
      '',
    ]),
  ].join('\n');
}

try {
  const logs = process.argv.slice(2);
  if (logs.length === 0) throw new Error('usage: node scripts/ci-table.cjs LOG…');
  const page = readFileSync(PAGE, 'utf8');
  if (!BLOCK.test(page)) throw new Error(`${PAGE}: it has no place for stage times`);
  const made = table(logs.map(readStages));
  writeFileSync(
    PAGE,
    page.replace(BLOCK, (_block, begin, end) => `${begin}${made}\n${end}`),
  );
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
