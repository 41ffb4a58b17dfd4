import type { Command } from 'commander';
import type { Device } from '../generator/device.js';
import { type Check, type Comparison, isSkipped } from '../verify/checks.js';
import { type FileVerdict, verify } from '../verify/verify.js';
import { EXIT_FAILED, type Io, print } from './io.js';
import { deviceOption, jsonOption, threadsOption } from './options.js';
import { counted, shortNumber } from './table.js';

interface Options {
  device: Device;
  threads?: number;
  encoder?: string;
  strict?: boolean;
  json?: boolean;
}

export function addVerify(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command('verify')
    .description('Check this installation against golden files: reference numbers with their inputs.')
    .argument('<paths...>', 'golden files, or folders with golden files directly inside')
    .option('--encoder <folder>', 'text encoder with its real weights, for files that only name theirs')
    .option('--strict', 'a tensor that this version cannot check fails its file')
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(jsonOption())
    .action(async (paths: string[], { json, ...options }: Options) => {
      const verdicts: FileVerdict[] = [];
      for await (const verdict of verify(paths, { ...options, signal: io.signal })) {
        verdicts.push(verdict);
        if (!json) io.stdout.write(`${fileLines(verdict).join('\n')}\n`);
      }
      const failed = verdicts.filter(({ ok }) => !ok).length;
      print(io, json, verdicts, () => ['', `${counted(verdicts.length, 'file')}, ${failed} failed`]);
      if (failed > 0) exit(EXIT_FAILED);
    });
}

/** One line for the file; one more for each check that failed or was skipped. */
function fileLines({ file, kind, seconds, ok, checks, error }: FileVerdict): string[] {
  const compared = checks.filter((check): check is Comparison => !isSkipped(check));
  const worst = Math.max(0, ...compared.map(({ relativeError }) => relativeError));
  const skipped = checks.length - compared.length;
  const summary = error
    ? `${error.code}: ${error.message}`
    : `${kind}, ${counted(compared.length, 'check')}, largest relative error ${shortNumber(worst)}${skipped ? `, ${skipped} skipped` : ''}, ${seconds.toFixed(2)} s`;
  return [
    `${ok ? 'ok  ' : 'FAIL'} ${file} (${summary})`,
    ...skippedLines(checks),
    ...compared.filter((check) => !check.ok).map(failedLine),
  ];
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
