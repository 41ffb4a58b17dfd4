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
/** What the peer's products are in. */
const PEERS = { peer: 'fp32', peerBfloat16: 'bf16' };

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

  /** The weights that all rivals begin with, and the ways in which the peer is fastest. */
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
    const peerSettings = {};
    for (const [name, precision] of Object.entries(PEERS))
      peerSettings[name] = await this.#choosePeer(decoder, { name, weights, precision });
    return { about: { ...about, peerSettings }, weights, peerSettings };
  }

  /** The peer's fastest variant of a precision, and what each took: a sentence instead of seconds where one cannot run. */
  async #choosePeer(decoder, { name, weights, precision }) {
    const { peer, scratch, quick, progress } = this.context;
    const size = 3 * BATCH * decoder.flop <= TRIAL_FLOP ? BATCH : 1;
    const batch = await writeBatch(scratch, randomBatch(decoder, size));
    const tried = {};
    for (const variant of quick ? this.variants[precision].slice(0, 1) : this.#variantsFor(decoder, precision)) {
      const about = { name, weights, batch, precision, variant };
      tried[variant] = await secondsOfStep(peer, decoder, about).catch(({ message }) => message.split('\n')[0]);
      progress(`training, ${decoder.name}, the peer ${variant}, batch ${size}: ${tried[variant]}`);
    }
    await peer.ask('forget');
    const measured = Object.entries(tried).filter(([, seconds]) => typeof seconds === 'number');
    if (measured.length === 0) throw new Error(`${decoder.name}: the peer in ${precision}: ${Object.values(tried)[0]}`);
    const [fastest] = measured.reduce((best, one) => (one[1] < best[1] ? one : best));
    return { fastest, tried };
  }

  /** Compiling takes a minute or two for each: only for the decoders of the marks. */
  #variantsFor({ base }, precision) {
    return this.variants[precision].filter((variant) => base || !variant.includes('compiled'));
  }

  async #measureBatch(decoder, size, { weights, peerSettings }) {
    const { peer, scratch, threads, runs, progress } = this.context;
    const batch = randomBatch(decoder, size);
    const training = {};
    try {
      training.ours = await OwnTraining.create(decoder, { threads, moments: 'fp32' });
      training.ours8bit = await OwnTraining.create(decoder, { threads, moments: '8bit' });
      const files = peer && (await writeBatch(scratch, batch));
      for (const [name, { fastest }] of Object.entries(peerSettings ?? {})) {
        if (name !== 'peer' && size !== BATCH) continue;
        const about = { name, weights, batch: files, precision: PEERS[name], variant: fastest };
        training[name] = await PeerTraining.create(peer, decoder, about);
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
      await peer?.ask('forget');
    }
  }
}

/** Seconds of a training step, the better of two after one that compiles and makes the optimiser's states. */
async function secondsOfStep(peer, decoder, about) {
  const training = await PeerTraining.create(peer, decoder, about);
  await training.step();
  return Math.min(await training.step(), await training.step());
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

function errorsOf({ ours, ours8bit, peer, peerBfloat16 }) {
  return {
    moments: largest(ours8bit, ours, 'loss'),
    ...(peer && { loss: largest(ours, peer, 'loss'), gradientNorm: largest(ours, peer, 'gradientNorm') }),
    ...(peerBfloat16 && {
      bfloat16Loss: largest(peerBfloat16, ours, 'loss'),
      bfloat16GradientNorm: largest(peerBfloat16, ours, 'gradientNorm'),
    }),
  };
}

/** What must agree. What the peer's bfloat16 loses is told of, and its own affair. */
const TOLERANCES = { moments: MOMENTS_TOLERANCE, loss: TOLERANCE, gradientNorm: TOLERANCE };

function wrongOf(name, batches) {
  return batches.flatMap((row) =>
    Object.entries(TOLERANCES)
      .map(([what, tolerance]) => [what, row.relativeErrors[what], tolerance])
      .filter(([, error, tolerance]) => error !== undefined && !(error <= tolerance))
      .map(
        ([what, error, tolerance]) => `training, ${name}, ${row.name}: ${what} differs by ${error}, over ${tolerance}`,
      ),
  );
}

module.exports = { measure };
