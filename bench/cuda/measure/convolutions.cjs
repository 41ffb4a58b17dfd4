const { distinctConvolutions } = require('../../shapes.cjs');
const { summarise } = require('../../statistics.cjs');
const { time } = require('../../report/table.cjs');
const { movedBytes } = require('../work.cjs');

const ENOUGH_SECONDS = 2;

/** What fails for one convolution, as for lack of memory, leaves the others their turn. */
async function attempt(work, leftOut) {
  try {
    return await work();
  } catch (error) {
    return { [leftOut]: error.message };
  }
}

async function measureOurs({ engine, device, runs }, shape, batch) {
  const request = { ...shape, batch, runs, enoughSeconds: ENOUGH_SECONDS, device: device.use };
  const { seconds } = await engine.measureConvolution(request);
  return { ours: summarise(seconds) };
}

async function measurePeer({ peer, runs }, shape, batch) {
  const answer = await peer.ask('convolution', { ...shape, batch, runs, enoughSeconds: ENOUGH_SECONDS });
  return { peer: summarise(answer.seconds), peerVariant: answer.variant };
}

/** The device's plan of each convolution, by name: operations and bytes. */
function plansOf({ engine, device, configuration, precision }, batch) {
  const { features, kernelSize } = configuration;
  const plan = engine.planCudaDecoder({ features, kernelSize, batch, deviceModel: device.model, precision });
  return new Map(plan.convolutions.map((each) => [`${each.layer} ${each.weight.replace('linear1.', '')}`, each]));
}

function plannedOf({ algorithm, tiling, predicted, executedFlop, ...plan }, precision) {
  return {
    algorithm,
    tilePoints: tiling && [tiling.pointsI, tiling.pointsJ],
    modelled: predicted.seconds,
    executedFlop,
    movedBytes: movedBytes({ tiling, ...plan }, precision),
  };
}

/** Every distinct convolution of a decoder on random data, for each batch: ours, the peer, and our plan's work. */
async function measure(context) {
  const { configuration, batches, precision, peer, progress } = context;
  const plans = new Map(batches.map((batch) => [batch, plansOf(context, batch)]));
  const rows = [];
  for (const { name, shape, ...rest } of distinctConvolutions(configuration)) {
    const row = { name, ...rest, ...shape, batches: [] };
    for (const batch of batches) {
      const plan = plans.get(batch).get(name);
      const ours = await attempt(() => measureOurs(context, shape, batch), 'leftOut');
      const theirs = peer ? await attempt(() => measurePeer(context, shape, batch), 'peerLeftOut') : {};
      row.batches.push({ name: `batch ${batch}`, batch, ...plannedOf(plan, precision), ...ours, ...theirs });
    }
    rows.push(row);
    progress(`convolution ${name}: ${time(row.batches[0].ours) ?? row.batches[0].leftOut}`);
  }
  return { rows };
}

module.exports = { attempt, measure };
