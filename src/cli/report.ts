import type { Command } from 'commander';
import { formatBytes } from '../engine/index.js';
import { type Report, writeReport } from '../report/report.js';
import { type Io, print } from './io.js';
import { jsonOption } from './options.js';
import { counted, grouped } from './table.js';

interface Options {
  out?: string;
  json?: boolean;
}

export function addReport(program: Command, io: Io): void {
  program
    .command('report')
    .description('Write an HTML page of a training run: assessment, curves, tasks, generated against true weights.')
    .argument('<run>', 'run folder; training may still be in progress')
    .option('--out <file>', 'output file; an existing one is replaced (default: report.html in the run folder)')
    .addOption(jsonOption())
    .action(async (run: string, { out, json }: Options) => {
      const report = await writeReport(run, { out, signal: io.signal });
      print(io, json, report, () => lines(report));
    });
}

function lines({ path, bytes, step, steps, evaluations, judgement, notes }: Report): string[] {
  return [
    judgement.headline,
    ...judgement.reasons.map((reason) => `  ${reason}`),
    ...notes.map((note) => `Note: ${note}.`),
    `${path}: ${grouped(step)} of ${counted(steps, 'step')}, ${counted(evaluations, 'evaluation')}, ${formatBytes(bytes)}`,
  ];
}
