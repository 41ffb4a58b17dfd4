import { join, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { writeFileAtomically } from '../files/index.js';
import { METRICS_FILE, RUN_FILE } from '../training/run-description.js';
import { checkPath } from '../validation/index.js';
import { type Judgement, judgeRun } from './judgement.js';
import { pageOf } from './page.js';
import { readRun } from './run-folder.js';

export const REPORT_FILE = 'report.html';

export interface ReportOptions {
  /** Output file; default: REPORT_FILE in the run folder. An existing page is replaced. */
  out?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Report {
  path: string;
  bytes: number;
  /** Steps done so far, and in total. */
  step: number;
  steps: number;
  evaluations: number;
  judgement: Judgement;
  /** Messages about skipped lines. */
  notes: string[];
}

/**
 * Writes the page of a run, which may still be in progress: one self-contained HTML file.
 * @param folder the run folder, with run.json and metrics.jsonl
 * @throws DndError FILE_NOT_FOUND for a folder that is not a run, CORRUPT_FILE, NEWER_FORMAT, READ_FAILED,
 * INVALID_ARGUMENT when `out` would replace a file of the run, DISK_FULL, NOT_WRITABLE; `signal.reason` after an abort
 */
export async function writeReport(folder: string, options: ReportOptions = {}): Promise<Report> {
  checkPath(folder, 'the folder of the run');
  const path = options.out ?? join(folder, REPORT_FILE);
  checkPath(path, '--out');
  for (const name of [RUN_FILE, METRICS_FILE])
    if (resolve(path) === resolve(folder, name))
      throw new DndError('INVALID_ARGUMENT', `the page must not overwrite ${path}, a file of the run`);
  const run = await readRun(folder, options.signal);
  const judgement = judgeRun(run);
  const page = Buffer.from(pageOf(run, judgement));
  await writeFileAtomically(path, page, { signal: options.signal });
  return {
    path,
    bytes: page.length,
    step: run.steps.at(-1)?.step ?? 0,
    steps: run.description.settings.steps,
    evaluations: run.evaluations.length,
    judgement,
    notes: run.notes,
  };
}
