#!/usr/bin/env node
// The packed package, installed by several package managers and run by several Nodes, and by Bun: each makes the same adapter.
//   node scripts/release/smoke-tarball.cjs [--own-build] [--only npm-20,npm-22,npm-24,pnpm,yarn,yarn-pnp,bun,esbuild]
// No compiler is on the PATH, and no script of a package is run. Reaches the package registry; some 150 MB are installed once into
// the cache folder.
const { copyFileSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const fresh = require('./fresh.cjs');
const { nodeProgram, toolProgram } = require('./node-versions.cjs');
const { makeTarball, ROOT } = require('./tarball.cjs');

const PNPM = ['pnpm', '10.34.9', 'bin/pnpm.cjs'];
const YARN_CLASSIC = ['yarn', '1.22.22', 'bin/yarn.js'];
const YARN = ['@yarnpkg/cli-dist', '4.18.1', 'bin/yarn.js'];
const BUN = [
  `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`,
  '1.4.5',
  'bin/bun',
];
const PROGRAM = 'make-adapter.cjs';

/** Each installs the tarball into a project and returns the command that runs a program there. */
const LAYOUTS = {
  'npm-20': (project) => withNpm(project, '20'),
  'npm-22': (project) => withNpm(project, '22'),
  'npm-24': (project) => withNpm(project, '24'),
  pnpm: ({ run, tarball }) => {
    run('node', [toolProgram(...PNPM), 'add', tarball, '--ignore-scripts']);
    return ['node', [PROGRAM]];
  },
  yarn: ({ run, tarball }) => {
    run('node', [toolProgram(...YARN_CLASSIC), 'add', tarball, '--ignore-scripts', '--no-progress']);
    return ['node', [PROGRAM]];
  },
  'yarn-pnp': ({ run, tarball, folder }) => {
    // Its telemetry and its global cache are left alone.
    writeFileSync(
      join(folder, '.yarnrc.yml'),
      'enableScripts: false\nenableTelemetry: false\nenableGlobalCache: false\n',
    );
    writeFileSync(join(folder, 'yarn.lock'), '');
    run('node', [toolProgram(...YARN), 'add', `dnd-lora@file:${tarball}`]);
    return ['node', [toolProgram(...YARN), 'node', PROGRAM]];
  },
  bun: ({ run, tarball }) => {
    run(toolProgram(...BUN), ['add', tarball, '--ignore-scripts']);
    return [toolProgram(...BUN), [PROGRAM]];
  },
  esbuild: (project) => {
    const [program] = withNpm(project, 'own');
    const bundler = join(__dirname, 'smoke', 'esbuild-external.cjs');
    project.run(program, [bundler, join(ROOT, 'node_modules', 'esbuild'), join(project.folder, 'bundle.cjs')]);
    return [program, ['bundle.cjs']];
  },
};

function withNpm({ run, tarball, node }, name) {
  run('npm', ['install', tarball, '--ignore-scripts', '--no-audit', '--no-fund']);
  return [node(name), [PROGRAM]];
}

const { values } = parseArgs({ options: { 'own-build': { type: 'boolean' }, only: { type: 'string' } } });
const names = values.only?.split(',') ?? Object.keys(LAYOUTS);
const unknown = names.find((name) => !Object.hasOwn(LAYOUTS, name));
if (unknown) throw new Error(`there is no layout ${unknown}; there are ${Object.keys(LAYOUTS).join(', ')}`);
const work = mkdtempSync(join(tmpdir(), 'dnd-smoke-'));
try {
  const { path } = makeTarball(work, { ownBuild: values['own-build'] });
  const results = names.map((name) => smoke(name, path));
  const digests = new Set(results.map((result) => result?.sha256));
  if (digests.size > 1) console.log('FAIL the adapters differ');
  const passed = results.filter(Boolean).length;
  console.log(`smoke: ${passed} passed, ${results.length - passed + (digests.size > 1 ? 1 : 0)} failed`);
  process.exitCode = passed === results.length && digests.size === 1 ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** What the program printed; undefined for a failure, which is printed. */
function smoke(name, tarball) {
  const began = Date.now();
  const folder = fresh.emptyProject(join(work, name, 'project'));
  copyFileSync(join(__dirname, 'smoke', PROGRAM), join(folder, PROGRAM));
  const environment = fresh.bareEnvironment(fresh.bareTools(join(work, name, 'tools')), join(work, name, 'home'));
  const run = (program, parameters) => fresh.runIn(folder, environment, program, parameters);
  try {
    const [program, parameters] = LAYOUTS[name]({ folder, tarball, run, node: nodeProgram });
    const result = JSON.parse(run(program, parameters).trim().split('\n').at(-1));
    if (!result.sameClasses) throw new Error('require and import give different classes');
    console.log(
      `ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s): rank ${result.rank}, sha256 ${result.sha256.slice(0, 12)}`,
    );
    return result;
  } catch (error) {
    console.log(`FAIL ${name}\n${error.message}`);
    return undefined;
  }
}
