const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { readFloats } = require('../../floats.cjs');
const { writeParameters } = require('../../measure/decoder.cjs');
const { repeatedNormals } = require('../../random.cjs');
const { alternate, relativeError } = require('../../statistics.cjs');
const { time } = require('../../report/table.cjs');
const { attempt } = require('./convolutions.cjs');

const ENOUGH_SECONDS = 10;
/** Of the parameters. */
const SEED = 0;

/** Most layers of a decoder whose error may be 1e-3; deeper ones, 2e-3 (fp16 spectra). */
const SHALLOW_LAYERS = 4;

const toleranceOf = ({ features }, precision) =>
  precision === 'fp32' ? 1e-5 : features.length - 1 <= SHALLOW_LAYERS ? 1e-3 : 2e-3;

/** A decoder on the device, and its weights in a file where there is a peer to read them. */
async function withDecoder({ engine, device, scratch, peer }, { features, kernelSize, projectedFrom = 0 }, work) {
  const decoder = await engine.DecoderEngine.create({ features, kernelSize, projectedFrom, device: device.use });
  try {
    await decoder.initialise(SEED);
    let peerLeftOut = peer ? undefined : 'not available';
    if (peer) {
      const weights = join(scratch, 'decoder.safetensors');
      await writeParameters(decoder, weights);
      const shape = { features, kernelSize, projectedFrom, weights: [weights] };
      ({ peerLeftOut } = await attempt(() => peer.ask('load_decoder', shape), 'peerLeftOut'));
    }
    return await work(decoder, peerLeftOut);
  } finally {
    decoder.dispose();
    await peer?.ask('forget');
  }
}

/** The same random condition for all rivals. */
class Batch {
  constructor({ peer, scratch }, decoder, { features, projectedFrom = 0 }, batch) {
    const [tokens, length, channels] = features[0];
    Object.assign(this, { peer, decoder, batch });
    this.shape = [batch, tokens, projectedFrom || length, channels];
    this.condition = repeatedNormals(
      this.shape.reduce((product, size) => product * size, 1),
      1,
    );
    this.files = { condition: join(scratch, 'condition.f32'), output: join(scratch, 'output.f32') };
  }

  /** Condition in host memory to weight tokens in host memory. */
  async ours() {
    const began = performance.now();
    this.tokens = await this.decoder.forward(this.condition, this.batch);
    return (performance.now() - began) / 1000;
  }

  /** The same by the peer, the best of its variants; the transfers of both ways counted. */
  async theirs() {
    return (await this.peer.ask('decoder', { ...this.files, shape: this.shape })).seconds;
  }

  prepare() {
    return writeFile(this.files.condition, this.condition);
  }

  /** ‖tokens − exact‖ / ‖exact‖ of both rivals: exact is the peer in float64, or our CPU in float32 without a peer. */
  async errors(exactOnCpu) {
    if (exactOnCpu) return { ours: relativeError(this.tokens, await exactOnCpu(this)), reference: 'our CPU, float32' };
    const { values: exact } = await this.#output('float64');
    const { values, variant } = await this.#output('best');
    const peer = relativeError(values, exact);
    return { ours: relativeError(this.tokens, exact), peer, peerVariant: variant, reference: 'PyTorch, float64' };
  }

  async #output(precision) {
    const { variant } = await this.peer.ask('decoder', { ...this.files, shape: this.shape, precision, write: true });
    return { variant, values: await readFloats(this.files.output) };
  }
}

/** The same decoder on the CPU. */
function onCpu({ engine, threads }, { features, kernelSize, projectedFrom = 0 }) {
  return async ({ condition, batch }) => {
    const decoder = await engine.DecoderEngine.create({ features, kernelSize, projectedFrom, threads, device: 'cpu' });
    try {
      await decoder.initialise(SEED);
      return await decoder.forward(condition, batch);
    } finally {
      decoder.dispose();
    }
  };
}

/** Condition → weight tokens for each batch; errors for one task. */
async function measure(context) {
  const { configuration, batches, runs, precision, progress } = context;
  return withDecoder(context, configuration, async (decoder, peerLeftOut) => {
    const rows = [];
    for (const size of batches) {
      const row = { name: `batch ${size}`, batch: size };
      const measured = await attempt(async () => {
        const batch = new Batch(context, decoder, configuration, size);
        const rivals = { ours: () => batch.ours(), ...(!peerLeftOut && { peer: () => batch.theirs() }) };
        if (!peerLeftOut) await batch.prepare();
        const figures = await alternate(rivals, { runs, enoughSeconds: ENOUGH_SECONDS });
        if (size > 1) return figures;
        const reference = peerLeftOut && onCpu(context, configuration);
        return { ...figures, errors: await attempt(() => batch.errors(reference), 'leftOut') };
      }, 'leftOut');
      rows.push({ ...row, ...measured });
      progress(`decoder, batch ${size}: ${time(measured.ours) ?? measured.leftOut}`);
    }
    const { heldBytes } = decoder.deviceMemory();
    const tolerance = toleranceOf(configuration, precision);
    const error = rows[0].errors?.ours;
    const wrong =
      error > tolerance ? [`${configuration.name}, decoder: relative error ${error}, over ${tolerance}`] : [];
    return { batches: rows, heldBytes, tolerance, ...(peerLeftOut && { peerLeftOut }), wrong };
  });
}

/** Each layer alone, on a random condition: relative errors of ours and the peer. */
async function measureLayers(context) {
  const { features, kernelSize } = context.configuration;
  const rows = [];
  for (let layer = 0; layer + 1 < features.length; layer++) {
    const shape = { features: features.slice(layer, layer + 2), kernelSize };
    const row = { name: `layer ${layer}`, features: shape.features };
    rows.push({
      ...row,
      ...(await attempt(
        () =>
          withDecoder(context, shape, async (decoder, peerLeftOut) => {
            const batch = new Batch(context, decoder, shape, 1);
            if (!peerLeftOut) await batch.prepare();
            await batch.ours();
            return { errors: await batch.errors(peerLeftOut && onCpu(context, shape)) };
          }),
        'leftOut',
      )),
    });
  }
  return { rows };
}

module.exports = { measure, measureLayers };
