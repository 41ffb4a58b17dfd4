const { execFileSync } = require('node:child_process');
const os = require('node:os');
const { availableMemoryBytes, cpuInfo } = require('../dist/engine/index.js');
const { PACKAGE } = require('../dist/package.js');

function commit() {
  try {
    return execFileSync('git', ['-C', __dirname, 'describe', '--always', '--dirty'], {
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  } catch {
    return null; // an unpacked release has no history
  }
}

function describeMachine() {
  const cpus = os.cpus();
  return {
    package: PACKAGE.version,
    commit: commit(),
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    coresAvailable: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    memoryAvailableBytes: availableMemoryBytes(),
    loadAverage: os.loadavg()[0],
    platform: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    engine: cpuInfo(),
  };
}

module.exports = { describeMachine };
