// Run in a project where dnd-lora is installed, beside copies of examples/ (scripts/test-examples.cjs).
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export const PROJECT = join(import.meta.dirname, '..');
const HOME = dirname(createRequire(join(PROJECT, 'package.json')).resolve('dnd-lora/package.json'));
export const GENERATOR = join(HOME, 'pocket', 'generator');
export const TASKS = join(HOME, 'pocket', 'tasks');

export const promptsOf = (task) => JSON.parse(readFileSync(join(TASKS, task, 'prompts.json'), 'utf8'));

/** Runs an example to its end, in the project. */
export async function run(example, parameters = [], environment = {}) {
  const settings = { cwd: PROJECT, env: { ...process.env, ...environment }, maxBuffer: 1 << 24 };
  return promisify(execFile)(process.execPath, [join(PROJECT, 'examples', example), ...parameters], settings);
}

export const digest = (folder) =>
  createHash('sha256')
    .update(readFileSync(join(folder, 'adapter_model.safetensors')))
    .digest('hex');
