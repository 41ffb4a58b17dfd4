const { join } = require('node:path');
const { Peer } = require('../peer.cjs');
const { time } = require('../report/table.cjs');
const { alternate, summarise } = require('../statistics.cjs');
const { writeParameters } = require('./decoder.cjs');
const { randomBatch, writeBatch } = require('./training/batch.cjs');
const { measureDataPath } = require('./training/data-path.cjs');
const { BATCH, decodersOf } = require('./training/decoders.cjs');
const { measureMemory } = require('./training/memory.cjs');
const { OwnTraining, PeerTraining } = require('./training/rivals.cjs');

/** Of losses and gradient norms, relative to the peer's. */
const TOLERANCE = 1e-4;
/** Of losses with 8-bit moments, relative to those with float32 moments. */
const MOMENTS_TOLERANCE = 0.02;
/** For all runs of a rival: of a whole step with the batch of the marks, and of anything else. */
const ENOUGH_SECONDS = { marked: 40, other: 15 };
/** The peer's variants are tried with the batch of the marks, or with one task where a step would take long. */
const TRIAL_FLOP = 5e11;

/**
 * Whole training steps, side by side with PyTorch; their memory in processes of their own; what of a step goes into data.
 */
async function measure(context) {
  const { peer, about } = context.peer
    ? await Peer.start(context.threads, 'training_peer.py')
    : { peer: null, about: {} };
  if (context.peer && !peer) throw new Error(about.missing);
  const measurement = new Measurement({ ...context, peer }, about.variants);
  try {
    return await measurement.all(decodersOf(context.quick));
  } finally {
    await peer?.stop();
  }
}

class Measurement {
  constructor(context, variants) {
    this.context = context;
    this.variants = variants;
  }

  async all(list) {
    const decoders = [];
    const memory = [];
    const data = [];
    const wrong = [];
    /** What fails is told of; the steps that were measured are not lost for it. */
    const add = (to, what, measured) =>
      measured.then(
        (row) => to.push(row),
        (error) => wrong.push(`training, ${what}: ${error.message}`),
      );
    for (const decoder of list) {
      const ways = await this.#prepare(decoder);
      const batches = [];
      for (const size of decoder.batches) batches.push(await this.#measureBatch(decoder, size, ways));
      const { name, features, kernelSize, flop } = decoder;
      decoders.push({ name, features, kernelSize, flop, ...ways.about, batches });
      if (!decoder.base) continue;
      await add(memory, `memory of ${name}`, measureMemory(this.context, decoder, ways));
      await add(data, `data path of ${name}`, measureDataPath(this.context, decoder));
    }
    wrong.push(...decoders.flatMap(({ name, batches }) => wrongOf(name, batches)));
    return { batch: BATCH, decoders, memory, data, tolerance: TOLERANCE, wrong };
  }

  /** The weights that all rivals begin with, and the way in which the peer is fastest. */
  async #prepare(decoder) {
    const { peer, scratch, threads } = this.context;
    const training = await OwnTraining.create(decoder, { threads, moments: 'fp32' });
    const { parameters, parameterBytes } = training.engine;
    const about = { parameters: parameterBytes / 4, tensors: parameters.length };
    const weights = join(scratch, 'training.safetensors');
    try {
      if (peer) await writeParameters(training.engine, weights);
    } finally {
      training.dispose();
    }
    if (!peer) return { about };
    const trials = await this.#tryVariants(decoder, weights);
    const variant = Object.keys(trials).reduce((best, name) => (trials[name].min < trials[best].min ? name : best));
    return { about: { ...about, variant, trials }, weights, variant };
  }

  async #tryVariants(decoder, weights) {
    const { peer, scratch, quick, progress } = this.context;
    const variants = quick ? this.variants.slice(0, 1) : this.variants;
    const size = 3 * BATCH * decoder.flop <= TRIAL_FLOP ? BATCH : 1;
    const batch = await writeBatch(scratch, randomBatch(decoder, size));
    const rivals = variants.map((variant) => [
      variant,
      async () => {
        const training = await PeerTraining.create(peer, decoder, { weights, variant });
        await peer.ask('batch', batch);
        await training.step(); // a new optimiser makes its states first
        return training.step();
      },
    ]);
    const trials = await alternate(Object.fromEntries(rivals), { runs: 2, enoughSeconds: 5 });
    for (const [variant, figure] of Object.entries(trials))
      progress(`training, ${decoder.name}, the peer ${variant}, batch ${size}: ${time(figure)}`);
    return trials;
  }

  async #measureBatch(decoder, size, { weights, variant }) {
    const { peer, scratch, threads, runs, progress } = this.context;
    const batch = randomBatch(decoder, size);
    const training = {};
    try {
      training.ours = await OwnTraining.create(decoder, { threads, moments: 'fp32' });
      training.ours8bit = await OwnTraining.create(decoder, { threads, moments: '8bit' });
      if (peer) {
        training.peer = await PeerTraining.create(peer, decoder, { weights, variant });
        await peer.ask('batch', await writeBatch(scratch, batch));
      }
      const steps = Object.entries(training).map(([name, rival]) => [name, () => rival.step(batch)]);
      const enoughSeconds = size === BATCH ? ENOUGH_SECONDS.marked : ENOUGH_SECONDS.other;
      const figures = await alternate(Object.fromEntries(steps), { runs, enoughSeconds });
      const { ours, peer: theirs } = training;
      const forward = await alternate(
        { oursForward: () => ours.forward(batch), ...(theirs && { peerForward: () => theirs.forward() }) },
        { runs, enoughSeconds: ENOUGH_SECONDS.other },
      );
      progress(
        `training, ${decoder.name}, batch ${size}: ${Object.entries(figures)
          .map(([name, figure]) => `${name} ${time(figure)}`)
          .join(', ')}`,
      );
      const { activations, keptLayers } = ours.engine.memory(size);
      return {
        name: `batch ${size}`,
        batch: size,
        ...figures,
        ...forward,
        oursGradient: partOf(ours, 'gradient', figures.ours),
        oursUpdate: partOf(ours, 'update', figures.ours),
        ours8bitUpdate: partOf(training.ours8bit, 'update', figures.ours8bit),
        memory: { activations, keptLayers },
        losses: ours.steps.map(({ loss }) => loss),
        relativeErrors: errorsOf(training),
      };
    } finally {
      training.ours?.dispose();
      training.ours8bit?.dispose();
    }
  }
}

/** Part of the steps that a figure holds: the last ones, where the first was a warm-up. */
function partOf({ steps }, part, { runs }) {
  return summarise(steps.slice(-runs.length).map((step) => step[part]));
}

const relative = (ours, theirs) => Math.abs(ours - theirs) / Math.abs(theirs);

/** The largest over all steps that both have done. */
function largest(one, other, key) {
  const both = one.steps.slice(0, other.steps.length);
  return Math.max(...both.map((step, index) => relative(step[key], other.steps[index][key])));
}

function errorsOf({ ours, ours8bit, peer }) {
  return {
    moments: largest(ours8bit, ours, 'loss'),
    ...(peer && { loss: largest(ours, peer, 'loss'), gradientNorm: largest(ours, peer, 'gradientNorm') }),
  };
}

function wrongOf(name, batches) {
  return batches.flatMap((row) =>
    Object.entries(row.relativeErrors)
      .map(([what, error]) => [what, error, what === 'moments' ? MOMENTS_TOLERANCE : TOLERANCE])
      .filter(([, error, tolerance]) => !(error <= tolerance))
      .map(
        ([what, error, tolerance]) => `training, ${name}, ${row.name}: ${what} differs by ${error}, over ${tolerance}`,
      ),
  );
}

module.exports = { measure };
