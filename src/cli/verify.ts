import type { Command } from 'commander';
import type { AlgorithmChoice, Device, PrecisionName } from '../engine/index.js';
import { type Check, type Comparison, isSkipped } from '../verify/checks.js';
import { type FileVerdict, verify } from '../verify/verify.js';
import { EXIT_FAILED, type Io, print } from './io.js';
import { algorithmOption, deviceOption, jsonOption, precisionOption, threadsOption } from './options.js';
import { counted, shortNumber } from './table.js';

interface Options {
  device: Device;
  precision?: PrecisionName;
  threads?: number;
  encoder?: string;
  algorithm: AlgorithmChoice;
  strict?: boolean;
  json?: boolean;
}

export function addVerify(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command('verify')
    .description('Verify this installation against golden files: inputs with reference numbers.')
    .argument('<paths...>', 'golden files, or folders directly containing them')
    .option(
      '--encoder <folder>',
      'text encoder folder, for golden files that name an encoder without containing its weights',
    )
    .option('--strict', 'fail a file if any of its tensors cannot be checked by this version')
    .addOption(algorithmOption('convolution algorithm'))
    .addOption(deviceOption())
    .addOption(precisionOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(async (paths: string[], { json, ...options }: Options) => {
      const verdicts: FileVerdict[] = [];
      for await (const verdict of verify(paths, { ...options, signal: io.signal })) {
        verdicts.push(verdict);
        if (!json) io.stdout.write(`${fileLines(verdict).join('\n')}\n`);
      }
      print(io, json, verdicts, () => ['', summary(verdicts)]);
      if (verdicts.some(({ ok }) => !ok)) exit(EXIT_FAILED);
    });
}

type Result = 'passed' | 'skipped' | 'failed';
const MARKS: Record<Result, string> = { passed: 'ok  ', skipped: 'skip', failed: 'FAIL' };

/** A file without a single comparison has not passed. */
function resultOf({ ok, checks }: FileVerdict): Result {
  if (!ok) return 'failed';
  return checks.every(isSkipped) ? 'skipped' : 'passed';
}

function summary(verdicts: readonly FileVerdict[]): string {
  const counts = (['passed', 'skipped', 'failed'] as const).map(
    (result) => `${verdicts.filter((verdict) => resultOf(verdict) === result).length} ${result}`,
  );
  const device = verdicts[0]?.device;
  const on = device?.kind === 'cuda' ? `; on ${device.name}, ${device.precision}` : '';
  return `${counted(verdicts.length, 'file')}: ${counts.join(', ')}${on}`;
}

/** One line for the file; one more for each check that failed and each reason why some were skipped. */
function fileLines(verdict: FileVerdict): string[] {
  const { file, checks } = verdict;
  return [
    `${MARKS[resultOf(verdict)]} ${file} (${description(verdict)})`,
    ...skippedLines(checks),
    ...comparisons(checks)
      .filter(({ ok }) => !ok)
      .map(failedLine),
  ];
}

function description({ kind, seconds, checks, error }: FileVerdict): string {
  if (error) return `${error.code}: ${error.message}`;
  const compared = comparisons(checks);
  const skipped = checks.length - compared.length;
  const worst = Math.max(...compared.map(({ relativeError }) => relativeError));
  return [
    kind,
    ...(compared.length ? [`${counted(compared.length, 'check')}, largest relative error ${shortNumber(worst)}`] : []),
    ...(skipped ? [`${skipped} skipped`] : []),
    `${seconds.toFixed(2)} s`,
  ].join(', ');
}

function comparisons(checks: readonly Check[]): Comparison[] {
  return checks.filter((check): check is Comparison => !isSkipped(check));
}

function failedLine({ name, relativeError, tolerance }: Comparison): string {
  return `       ${name}: relative error ${shortNumber(relativeError)} > ${shortNumber(tolerance)}`;
}

/** Tensors that were skipped for the same reason share a line. */
function skippedLines(checks: readonly Check[]): string[] {
  const counts = new Map<string, number>();
  for (const { reason } of checks.filter(isSkipped)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return Array.from(counts, ([reason, count]) => `       skipped ${counted(count, 'tensor')}: ${reason}`);
}
