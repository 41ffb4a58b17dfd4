const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');

const DND = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

/** The file by which a command knows its run. */
const RUN_FILES = { finetune: 'finetune.json', train: 'run.json' };

/**
 * Starts `dnd finetune` or `dnd train`, or goes on where it was stopped.
 * @param {{ config: object, path: string, out: string, threads?: number }} options the configuration and where it is
 * written; `out`: the folder of the run
 */
async function startOrResume(command, { config, path, out, threads }) {
  const started = existsSync(join(out, RUN_FILES[command]));
  if (!started) await writeJson(path, config);
  await dnd([command, ...(started ? ['--resume', out] : ['--config', path]), ...threadsOf(threads)]);
}

function threadsOf(threads) {
  return threads === undefined ? [] : ['--threads', String(threads)];
}

async function writeJson(path, value) {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

function dnd(parameters) {
  return run(process.execPath, [DND, ...parameters]);
}

/** Runs a program, whose output goes where ours goes. Whoever ends us with SIGTERM ends it: left alone, it would go on. */
function run(program, parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['ignore', 'inherit', 'inherit'] });
    const pass = (signal) => child.kill(signal);
    process.on('SIGTERM', pass);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', pass);
      if (code === 0) resolve();
      else reject(new Error(`${parameters.slice(0, 2).join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

module.exports = { dnd, run, startOrResume, threadsOf, writeJson };
