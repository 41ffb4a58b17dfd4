const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { Peer } = require('../../peer.cjs');
const { writeBatch, randomBatch } = require('./batch.cjs');
const { BATCH } = require('./decoders.cjs');
const { PeerTraining } = require('./rivals.cjs');

/** The first step makes whatever a later one uses again. */
const STEPS = 2;

/** What a process of ours, or one of PyTorch, holds before it has a decoder, and at most while it trains one. */
async function measureMemory({ peer, scratch, threads }, decoder, { weights, peerSettings }) {
  const row = { name: decoder.name, batch: BATCH, steps: STEPS };
  for (const [rival, moments] of Object.entries({ ours: 'fp32', ours8bit: '8bit' }))
    row[rival] = await own({ decoder, moments, threads, batch: BATCH, steps: STEPS });
  if (peer) row.peer = await theirs(decoder, { weights, variant: peerSettings.peer.fastest, threads, scratch });
  return row;
}

async function own(request) {
  const script = join(__dirname, 'own-process.cjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(request)]);
  return JSON.parse(stdout);
}

async function theirs(decoder, { weights, variant, threads, scratch }) {
  const { peer, about: found } = await Peer.start(threads, 'training_peer.py');
  if (!peer) throw new Error(found.missing);
  try {
    const idleBytes = (await peer.ask('memory')).bytes;
    const batch = await writeBatch(scratch, randomBatch(decoder, BATCH));
    const about = { name: 'peer', weights, batch, precision: 'fp32', variant };
    const training = await PeerTraining.create(peer, decoder, about);
    for (let step = 0; step < STEPS; step++) await training.step();
    return { idleBytes, peakBytes: (await peer.ask('memory')).peakBytes };
  } finally {
    await peer.stop();
  }
}

module.exports = { measureMemory };
