import type { Command } from 'commander';
import { compareAdapters } from '../comparison/compare.js';
import { comparisonPage } from '../comparison/page.js';
import { type FolderNames, readAdapters } from '../comparison/read-adapters.js';
import { checkFileOutput, writeFileAtomically } from '../files/index.js';
import { comparisonLines } from './compare-table.js';
import { type Io, print } from './io.js';
import { jsonOption } from './options.js';
import { showProgress } from './progress.js';

interface Options {
  html?: string;
  summary?: boolean;
  json?: boolean;
  /** What `hf:owner/name` on the command line has become. */
  names?: FolderNames;
}

export function addCompare(program: Command, io: Io): void {
  program
    .command('compare')
    .description('Compare what adapters change: norms, cosines, distances and effective ranks by module.')
    .argument('<adapters...>', 'PEFT adapter folders, two or more')
    .option('--html <file>', 'also write a page with heat maps; an existing file is replaced')
    .option('--summary', 'print only the figures of whole adapters')
    .addOption(jsonOption())
    .action((folders: string[], options: Options) => compare(folders, options, io));
}

async function compare(folders: string[], { html, summary, json, names }: Options, io: Io): Promise<void> {
  const { signal } = io;
  if (html !== undefined) await checkFileOutput(html);
  const { onProgress, stop } = showProgress(io, json);
  try {
    const adapters = await readAdapters(folders, {
      names,
      signal,
      onProgress: (fraction) => onProgress(fraction, 'read'),
    });
    const comparison = await compareAdapters(adapters, {
      signal,
      onProgress: (fraction) => onProgress(fraction, 'compare'),
    });
    if (html !== undefined) await writeFileAtomically(html, comparisonPage(comparison), { signal });
    stop();
    print(io, json, comparison, () => comparisonLines(comparison, { summary, page: html }));
  } finally {
    stop();
  }
}
