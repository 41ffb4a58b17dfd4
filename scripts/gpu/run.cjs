// Runs a program and shows what it prints as it comes; keeps the end of it for the result.
const { spawnSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const KEPT_CHARACTERS = 3000;

/**
 * @param {{ cwd: string, env?: Record<string, string>, timeoutMs?: number }} options
 * @returns {{ status: number, end: string }} the exit status, 124 where the time ran out, and the output's end
 */
exports.run = function run(program, words, { cwd, env = {}, timeoutMs }) {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-lora-gpu-'));
  try {
    const log = join(folder, 'log');
    const line = ['set -o pipefail; "$@" 2>&1 | tee "$0"', log, program, ...words];
    const { status, error } = spawnSync('bash', ['-c', ...line], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: timeoutMs,
    });
    const end = readFileSync(log, 'utf8').slice(-KEPT_CHARACTERS);
    return { status: error?.code === 'ETIMEDOUT' ? 124 : (status ?? 1), end };
  } finally {
    rmSync(folder, { recursive: true });
  }
};
