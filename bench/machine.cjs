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

function printMachine({ machine, peer, preset, threads, runs }) {
  const gb = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
  console.log(
    `dnd-lora ${machine.package} (${machine.commit ?? 'no commit'}), preset ${preset}, ${threads} threads, ${runs} runs`,
  );
  console.log(
    `${machine.cpu}, ${machine.coresAvailable} of ${machine.cores} cores, ${gb(machine.memoryAvailableBytes)} of ${gb(machine.memoryBytes)} free`,
  );
  console.log(`${machine.platform}, Node ${machine.node}, engine: ${machine.engine.isa}, ${machine.engine.compiler}`);
  if (peer.missing) console.log(`peer: none (${peer.missing})`);
  else
    console.log(
      `peer: PyTorch ${peer.torch}, ${peer.isa}, oneDNN ${peer.oneDNN ? 'on' : 'off'}, ${peer.threads} threads`,
    );
  if (machine.loadAverage > 0.5)
    console.log(`load average ${machine.loadAverage.toFixed(1)}: others are at work here, expect noise`);
}

module.exports = { describeMachine, printMachine };
