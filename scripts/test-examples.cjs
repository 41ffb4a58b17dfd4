#!/usr/bin/env node
// Runs the examples as a user would: copied into a project where the packed package is installed.
//   node scripts/test-examples.cjs [--llama]      --llama: also beside node-llama-cpp, with real models (scripts/fetch-models.sh)
// Needs a built package. Reaches the package registry for the packages that the examples use. Prints
// `examples: N passed, M failed` last.
const { execFileSync, spawnSync } = require('node:child_process');
const { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const fresh = require('./release/fresh.cjs');
const { makeTarball, ROOT } = require('./release/tarball.cjs');

const EXAMPLES = ['commonjs.cjs', 'esm.mjs', 'batch.mjs', 'worker-pool', 'fastify', 'nextjs', 'node-llama-cpp'];
const LLAMA = 'node-llama-cpp.test.mjs';

const { llama } = parseArgs({ options: { llama: { type: 'boolean' } } }).values;
const work = mkdtempSync(join(tmpdir(), 'dnd-examples-'));
try {
  const project = fresh.emptyProject(join(work, 'project'));
  const { path } = makeTarball(work, { ownBuild: true });
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'examples/fastify/package.json'), 'utf8'));
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', path, `fastify@${dependencies.fastify}`];
  fresh.runIn(project, process.env, 'npm', install);
  for (const name of EXAMPLES)
    cpSync(join(ROOT, 'examples', name), join(project, 'examples', name), { recursive: true });
  cpSync(join(ROOT, 'test/examples/installed'), join(project, 'checks'), { recursive: true });
  if (!llama) rmSync(join(project, 'checks', LLAMA), { force: true });
  const models = llama ? provideModels(project) : {};
  const { stdout, status } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', 'checks/'], {
    ...{ cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    env: { ...process.env, ...models, DND_CACHE: join(work, 'cache') },
  });
  const counted = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(stdout)?.[1] ?? 0);
  const [passed, failed] = [counted('pass'), counted('fail') + counted('cancelled')];
  console.log(status === 0 ? stdout.match(/^ *ok \d+ - .*$/gm)?.join('\n') : stdout);
  console.log(`examples: ${passed} passed, ${failed} failed`);
  process.exitCode = status === 0 && passed > 0 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Links node-llama-cpp and the package of generators into the project; returns where the models are. */
function provideModels(project) {
  const answer = (script, ...parameters) =>
    execFileSync('bash', [join(__dirname, script), ...parameters], { encoding: 'utf8' }).trim();
  const modules = join(answer('node-llama-cpp.sh'), 'node_modules');
  for (const name of ['node-llama-cpp', '@node-llama-cpp'])
    symlinkSync(join(modules, name), join(project, 'node_modules', name));
  const scope = join(project, 'node_modules', '@dnd-lora');
  cpSync(join(ROOT, 'packages/generator-smollm2-135m'), join(scope, 'smollm2-135m'), { recursive: true });
  return { DND_TEST_BASE: answer('fetch-models.sh', 'smollm2'), DND_TEST_ENCODER: answer('fetch-models.sh', 'minilm') };
}
