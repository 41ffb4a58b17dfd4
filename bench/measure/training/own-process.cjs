// node own-process.cjs <request as JSON>: trains a decoder for a few steps in a process that does nothing else, and
// prints what it held before, and at most.
const { readFileSync } = require('node:fs');
const { cpuInfo } = require('../../../dist/engine/index.js');
const { randomBatch } = require('./batch.cjs');
const { OwnTraining } = require('./rivals.cjs');

/** In bytes, where the system tells. */
function status(key) {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm'));
  return Number(line[1]) * 1024;
}

async function main({ decoder, moments, threads, batch, steps }) {
  cpuInfo(); // the addon counts as idle, as PyTorch's import does
  const idleBytes = process.platform === 'linux' ? status('VmRSS') : process.memoryUsage.rss();
  const training = await OwnTraining.create(decoder, { threads, moments });
  const data = randomBatch(decoder, batch);
  for (let step = 0; step < steps; step++) await training.step(data);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const { activations, keptLayers } = training.engine.memory(batch);
  training.dispose();
  process.stdout.write(JSON.stringify({ idleBytes, peakBytes, activations, keptLayers }));
}

main(JSON.parse(process.argv[2]));
