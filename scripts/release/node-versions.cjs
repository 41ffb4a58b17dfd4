// Nodes that the package is tested with, out of the npm packages that carry them. The first is the oldest that is supported.
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, rmSync, writeFileSync } = require('node:fs');
const { homedir } = require('node:os');
const { join } = require('node:path');

exports.NODE_VERSIONS = { 20: '20.15.1', 22: '22.23.3', 24: '24.22.3' };

/**
 * @param {string} name 20, 22 or 24; 'own': the Node that runs this
 * @returns {string} path of its program, which is installed into the cache folder once
 */
exports.nodeProgram = function nodeProgram(name) {
  if (name === 'own') return process.execPath;
  const version = exports.NODE_VERSIONS[name];
  if (!version)
    throw new Error(
      `there is no Node ${name} here; there are ${Object.keys(exports.NODE_VERSIONS).join(', ')} and own`,
    );
  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  return toolProgram(`node-${platform}`, version, process.platform === 'win32' ? 'bin/node.exe' : 'bin/node');
};

/** A program of an npm package in the cache folder: what no test but these needs, and development dependencies do not have. */
function toolProgram(name, version, program) {
  const cache = process.env.DND_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dnd-lora');
  const folder = join(cache, 'programs', `${name.replace('/', '+')}-${version}`);
  const done = join(folder, 'complete');
  if (!existsSync(done)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', `${name}@${version}`];
    execFileSync('npm', install, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    writeFileSync(done, '');
  }
  return join(folder, 'node_modules', name, program);
}
exports.toolProgram = toolProgram;
