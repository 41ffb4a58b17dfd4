// node own-process.cjs <request as JSON>: trains a decoder for a few steps in a process that does nothing else, and
// prints what it held before, and at most.
const { readFileSync } = require('node:fs');
const { cpuInfo } = require('../../../dist/engine/index.js');
const { randomBatch } = require('./batch.cjs');
const { OwnTraining } = require('./rivals.cjs');

/**
 * Bytes held now and at most. Not what the system counts as the largest resident set, where it can be helped: that may be
 * the one of the process which began this one.
 */
function memory() {
  if (process.platform !== 'linux')
    return { bytes: process.memoryUsage.rss(), peakBytes: process.resourceUsage().maxRSS * 1024 };
  const status = readFileSync('/proc/self/status', 'utf8');
  const bytes = (key) => Number(status.match(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm'))[1]) * 1024;
  return { bytes: bytes('VmRSS'), peakBytes: bytes('VmHWM') };
}

async function main({ decoder, moments, threads, batch, steps }) {
  cpuInfo(); // the addon counts as idle, as PyTorch's import does
  const idleBytes = memory().bytes;
  const training = await OwnTraining.create(decoder, { threads, moments });
  const data = randomBatch(decoder, batch);
  for (let step = 0; step < steps; step++) await training.step(data);
  const { peakBytes } = memory();
  const { activations, keptLayers } = training.engine.memory(batch);
  training.dispose();
  process.stdout.write(JSON.stringify({ idleBytes, peakBytes, activations, keptLayers }));
}

main(JSON.parse(process.argv[2]));
