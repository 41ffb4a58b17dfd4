import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { readError } from '../files/index.js';
import { METRICS_FILE, type RunDescription, readRunDescription } from '../training/run-description.js';
import { type Metrics, readMetrics } from './metrics.js';

/** The contents of a run folder. */
export interface Run extends Metrics {
  /** The folder's own name. */
  name: string;
  folder: string;
  description: RunDescription;
}

/**
 * @throws DndError FILE_NOT_FOUND for a folder that does not exist or is not a run; CORRUPT_FILE, NEWER_FORMAT,
 * READ_FAILED
 */
export async function readRun(folder: string, signal?: AbortSignal): Promise<Run> {
  const status = await stat(folder).catch((error) => {
    throw readError(error, folder);
  });
  if (!status.isDirectory())
    throw new DndError('FILE_NOT_FOUND', `${folder} is a file; give the folder of a run, which dnd train wrote`);
  const description = await readRunDescription(folder);
  const metrics = await readMetrics(join(folder, METRICS_FILE), signal);
  return { name: basename(resolve(folder)), folder, description, ...metrics };
}
