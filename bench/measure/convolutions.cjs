const { availableMemoryBytes, measureConvolution } = require('../../dist/engine/index.js');
const { distinctConvolutions, tensorBytes } = require('../shapes.cjs');
const { BATCHES } = require('../report/convolutions.cjs');
const { time } = require('../report/table.cjs');
const { summarise } = require('../statistics.cjs');

const ENOUGH_SECONDS = 3;
/** What a convolution works in, and what whoever measures it takes besides. */
const WORKSPACE_BYTES = 1.5e9;

async function measureOurs(shape, batch, { threads, runs }, algorithm) {
  const request = { ...shape, batch, threads, runs, enoughSeconds: ENOUGH_SECONDS, algorithm };
  const { seconds, ...details } = await measureConvolution(request);
  return { figure: summarise(seconds), ...details };
}

/** The peer's library may keep a second copy of the weights, in an order of its own. */
async function measurePeer(shape, batch, { peer, runs }) {
  const { weights, data } = tensorBytes(shape, batch);
  if (availableMemoryBytes() < 2 * (weights + data) + WORKSPACE_BYTES) return { peerLeftOut: 'not enough memory' };
  try {
    const answer = await peer.ask('convolution', { ...shape, batch, runs, enoughSeconds: ENOUGH_SECONDS });
    return { peer: summarise(answer.seconds) };
  } catch (error) {
    return { peerLeftOut: error.message };
  }
}

/** One task: ours, ours by the direct algorithm, the peer. More: ours alone, since the others' time grows in proportion. */
async function measureBatch(shape, batch, context) {
  const { weights, data } = tensorBytes(shape, batch);
  if (availableMemoryBytes() < weights + data + WORKSPACE_BYTES) return { leftOut: 'not enough memory' };
  const { figure: ours, ...details } = await measureOurs(shape, batch, context, 'auto');
  if (batch > 1) return { ...details, ours };
  const direct = details.algorithm === 'direct' ? ours : (await measureOurs(shape, batch, context, 'direct')).figure;
  return { ...details, ours, direct, ...(context.peer && (await measurePeer(shape, batch, context))) };
}

/** Each convolution of the decoder, every distinct shape once, on random data. */
async function measure(context) {
  const distinct = distinctConvolutions(context.configuration);
  const rows = [];
  for (const { shape, ...convolution } of distinct) {
    const batches = [];
    for (const batch of BATCHES) {
      batches.push({ name: `batch ${batch}`, batch, ...(await measureBatch(shape, batch, context)) });
    }
    rows.push({ ...convolution, ...shape, batches });
    context.progress(`convolution ${rows.length} of ${distinct.length}: ${convolution.name}, ${time(batches[0].ours)}`);
  }
  return { rows };
}

module.exports = { measure };
