#!/usr/bin/env node
// The test suite against the packed package, installed in an empty folder without a compiler: its dist/ and its binary stand
// for the sources and the build of this clone.
//   node scripts/release/test-tarball.cjs [--own-build] [--node own,20,22,24] [TEST…]
// TEST: as jest takes them; default: all that tests the package. Reaches the package registry.
const { spawnSync } = require('node:child_process');
const { chmodSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const fresh = require('./fresh.cjs');
const { nodeProgram } = require('./node-versions.cjs');
const { makeTarball, ROOT } = require('./tarball.cjs');

const options = { 'own-build': { type: 'boolean' }, node: { type: 'string', default: 'own' } };
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const work = mkdtempSync(join(tmpdir(), 'dnd-tarball-'));
// One test uses the package as another user.
chmodSync(work, 0o755);
try {
  const { path } = makeTarball(work, { ownBuild: values['own-build'] });
  const nodes = values.node.split(',');
  process.exitCode = nodes.map((name) => testWith(name, path)).every(Boolean) ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

function testWith(name, tarball) {
  const node = nodeProgram(name);
  const project = fresh.emptyProject(join(work, name, 'project'));
  const tools = fresh.bareTools(join(work, name, 'tools'), node);
  const environment = fresh.bareEnvironment(tools, join(work, name, 'home'));
  fresh.runIn(project, environment, 'npm', ['install', tarball, '--ignore-scripts', '--no-audit', '--no-fund']);
  const parameters = ['--config', join(__dirname, 'suite', 'jest.config.cjs'), ...positionals];
  console.log(`── Node ${fresh.runIn(project, environment, 'node', ['--version']).trim()}`);
  // Tests compile shared objects and mount file systems: what is tested is installed, what tests is this machine's.
  const { DND_ADDON: _, ...own } = process.env;
  const settings = {
    ...own,
    DND_TEST_PACKAGE: join(project, 'node_modules', 'dnd-lora'),
    DND_CACHE: join(work, name, 'cache'),
  };
  // dist/ loads a library by import() when it is first used; where jest compiles the sources it makes a require() of that.
  const jest = ['--experimental-vm-modules', '--no-warnings', join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')];
  const { status } = spawnSync(node, [...jest, ...parameters], {
    ...{ cwd: ROOT, stdio: 'inherit' },
    env: settings,
  });
  return status === 0;
}
