const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { availableMemoryBytes, cpuInfo, DecoderEngine } = require('../../dist/engine/index.js');
const { fromFloat32 } = require('../../dist/formats/dtypes.js');
const { writeSafetensors } = require('../../dist/formats/safetensors/index.js');
const { DECODER_BASE_NAME, loadDecoderWeights } = require('../../dist/generator/decoder-weights.js');
const { readFloats } = require('../floats.cjs');
const { repeatedNormals } = require('../random.cjs');
const { summed } = require('../report/convolutions.cjs');
const { time } = require('../report/table.cjs');
const { distinctConvolutions, flopOfDecoder, tensorBytes } = require('../shapes.cjs');
const { alternate, relativeError } = require('../statistics.cjs');

const DECODER_FILE = `${DECODER_BASE_NAME}.safetensors`;

const TOLERANCE = 1e-5;
/** Of products with bfloat16 operands, whose errors add up over the layers. */
const BFLOAT16_TOLERANCE = 3e-2;
const BATCHES = [1, 2, 4, 8];
const ELEMENTS_PER_PIECE = 2 ** 20;
/** Above so many operations a decoder is large: the direct algorithm is summed from its convolutions, and runs are few. */
const LARGE_FLOP = 1e13;
/** For a rival's runs with one task, and with more. */
const ENOUGH_SECONDS = { small: [120, 60], large: [40, 20] };
/** The slower rivals are measured with larger batches only where a run of theirs is expected to be as short as this. */
const SHORT_SECONDS = 2;

const isLarge = (configuration) => flopOfDecoder(configuration) > LARGE_FLOP;

/** The engine's parameters as a file: never more than a piece of them in memory twice. */
async function writeParameters(engine, path, dtype = 'F32') {
  const tensors = engine.parameters.map(({ name, shape }) => ({
    name,
    dtype,
    shape,
    bytes: function* () {
      const elements = shape.reduce((product, size) => product * size, 1);
      for (let offset = 0; offset < elements; offset += ELEMENTS_PER_PIECE) {
        const values = engine.readParameter(name, offset, Math.min(ELEMENTS_PER_PIECE, elements - offset));
        yield fromFloat32(values, dtype);
      }
    },
  }));
  await writeSafetensors(path, tensors);
}

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;

/** The peer's weights, also in bfloat16, the largest of them again in its library's own order, and its activations. */
function peerBytes(configuration, parameterBytes) {
  const tensors = distinctConvolutions(configuration).map(({ shape }) => tensorBytes(shape, 1));
  const largest = (key) => Math.max(...tensors.map((each) => each[key]));
  return 1.5 * parameterBytes + largest('weights') + 4 * largest('data') + 1e9;
}

/** @returns {Promise<string | null>} why there is no peer */
async function preparePeer({ peer, scratch, configuration }, parameterBytes) {
  if (!peer) return 'not available';
  const need = peerBytes(configuration, parameterBytes);
  const available = availableMemoryBytes();
  if (available < need) return `it needs ${gigabytes(need)} beside our decoder; ${gigabytes(available)} are available`;
  const weights = join(scratch, DECODER_FILE);
  const { features, kernelSize, projectedFrom } = configuration;
  try {
    await peer.ask('load_decoder', { features, kernelSize, projectedFrom, weights: [weights] });
  } catch (error) {
    return error.message;
  }
  return null;
}

/** What runs in which precision, of ours and of the peer. */
const PRECISION = { ours: 'fp32', direct: 'fp32', peer: 'fp32', oursBfloat16: 'bf16', peerBfloat16: 'bf16' };
/** The peer with one task, in the fastest of its settings for each precision; what every setting took. */
async function choosePeer({ peer, quick, progress }, batch) {
  await batch.writeCondition();
  const settings = {};
  for (const name of ['peer', 'peerBfloat16']) {
    const precision = PRECISION[name];
    const request = { condition: batch.files.condition, shape: batch.shape, precision, quick };
    settings[name] = await peer.ask('choose_decoder', request);
    progress(`decoder: the peer in ${precision} is fastest with ${settings[name].fastest}`);
  }
  return settings;
}

const PEERS = ['peer', 'peerBfloat16'];

/** One batch: condition to weight tokens, the same weights and the same random condition for all rivals. */
class Batch {
  constructor({ peer, scratch, configuration }, engines, batch) {
    const { features, projectedFrom } = configuration;
    const [tokens, length, channels] = features[0];
    this.shape = [batch, tokens, projectedFrom || length, channels];
    this.peer = peer;
    this.engines = engines;
    this.files = { condition: join(scratch, 'condition.f32') };
    this.outputFiles = Object.fromEntries(PEERS.map((name) => [name, join(scratch, `${name}.f32`)]));
    this.outputs = {};
  }

  get batch() {
    return this.shape[0];
  }

  get conditionBytes() {
    return 4 * this.shape.reduce((product, size) => product * size, 1);
  }

  get condition() {
    return repeatedNormals(this.conditionBytes / 4, 1);
  }

  async writeCondition() {
    await writeFile(this.files.condition, this.condition);
  }

  /** A rival of `alternate` for each name. */
  async rivals(names) {
    const { condition } = this;
    if (names.some((name) => PEERS.includes(name))) await this.writeCondition();
    const run = (name) => (PEERS.includes(name) ? () => this.#ask(name) : () => this.#forward(name, condition));
    return Object.fromEntries(names.map((name) => [name, run(name)]));
  }

  async #ask(name) {
    const request = { ...this.files, output: this.outputFiles[name], shape: this.shape, precision: PRECISION[name] };
    return (await this.peer.ask('decoder', request)).seconds;
  }

  async #forward(name, condition) {
    const began = performance.now();
    this.outputs[name] = await this.engines[name].forward(condition, this.batch);
    return (performance.now() - began) / 1000;
  }

  /** How far our output in float32 is from the others'. */
  async errors(names) {
    const errors = {};
    for (const name of names) {
      if (name === 'ours') continue;
      errors[name] = relativeError(this.outputs.ours, this.outputs[name] ?? (await readFloats(this.outputFiles[name])));
    }
    return errors;
  }
}

/** @param {string[]} names of the rivals that take part */
async function measureBatch(context, engines, size, names) {
  const batch = new Batch(context, engines, size);
  const row = { name: `batch ${size}`, batch: size, workspaceBytes: engines.ours.workspaceBytes(size) };
  const need = row.workspaceBytes + 2 * batch.conditionBytes + 0.5e9;
  if (availableMemoryBytes() < need) return { ...row, leftOut: `it needs ${gigabytes(need)} more` };
  const [one, more] = ENOUGH_SECONDS[isLarge(context.configuration) ? 'large' : 'small'];
  const enoughSeconds = size === 1 ? one : more;
  const figures = await alternate(await batch.rivals(names), { runs: context.runs, enoughSeconds });
  context.progress(`decoder, batch ${size}: ${names.map((name) => `${name} ${time(figures[name])}`).join(', ')}`);
  return { ...row, ...figures, relativeErrors: await batch.errors(names) };
}

/** Of the slower rivals, those that finish such a batch soon. */
function soon(one, size) {
  return ['direct', ...PEERS].filter((name) => one[name] && size * one[name].median <= SHORT_SECONDS);
}

/** Random parameters, in the file that all rivals have them from. @returns {Promise<number>} their bytes */
async function makeParameters({ configuration, threads, scratch }) {
  const { features, kernelSize, projectedFrom } = configuration;
  const engine = await DecoderEngine.create({ features, kernelSize, projectedFrom, threads });
  try {
    await engine.initialise(0);
    await writeParameters(engine, join(scratch, DECODER_FILE));
    return engine.parameterBytes;
  } finally {
    engine.dispose();
  }
}

/** Parameters are mapped: several engines share their memory. */
async function createEngine({ configuration, threads, scratch }, settings = {}) {
  const { features, kernelSize, projectedFrom } = configuration;
  const shape = { features, kernelSize, projectedFrom, mapped: true };
  const engine = await DecoderEngine.create({ ...shape, threads, ...settings });
  try {
    await loadDecoderWeights(scratch, engine, {});
  } catch (error) {
    engine.dispose();
    throw error;
  }
  return engine;
}

/** Condition to weight tokens: one task by all rivals, more tasks together by ours. */
async function measure(context) {
  const { configuration, peer, result } = context;
  const engines = {};
  try {
    const parameterBytes = await makeParameters(context);
    engines.ours = await createEngine(context);
    if (!isLarge(configuration)) engines.direct = await createEngine(context, { algorithm: 'direct' });
    if (cpuInfo().bfloat16) engines.oursBfloat16 = await createEngine(context, { precision: 'bf16' });
    const peerLeftOut = await preparePeer(context, parameterBytes);
    const settings = peerLeftOut ? {} : await choosePeer(context, new Batch(context, engines, 1));
    const one = await measureBatch(context, engines, 1, [...Object.keys(engines), ...Object.keys(settings)]);
    const batches = [one];
    for (const size of BATCHES.slice(1)) {
      const slower = soon(one, size);
      // Who is not measured any more makes room.
      if (!slower.includes('direct')) engines.direct?.dispose();
      if (!PEERS.some((name) => slower.includes(name))) await peer?.ask('forget');
      const ours = ['ours', ...(engines.oursBfloat16 ? ['oursBfloat16'] : [])];
      batches.push(await measureBatch(context, engines, size, [...ours, ...slower]));
    }
    return {
      flop: flopOfDecoder(configuration),
      parameterBytes,
      batches,
      ...(Object.keys(settings).length > 0 && { peerSettings: settings }),
      ...(peer && peerLeftOut && { peerLeftOut }),
      ...extrapolated(one, result.convolutions),
      tolerance: TOLERANCE,
      wrong: wrongOf(configuration, batches),
    };
  } finally {
    for (const engine of Object.values(engines)) engine.dispose();
    await peer?.ask('forget');
  }
}

/** For rivals that did not run the whole decoder: the sum of its convolutions, each measured alone. */
function extrapolated(one, convolutions) {
  if (!convolutions) return {};
  const sums = {};
  for (const rival of ['direct', 'peer']) {
    const figure = one[rival] ? undefined : summed(convolutions, rival);
    if (figure) sums[rival] = figure;
  }
  return { summed: sums };
}

function wrongOf({ name }, batches) {
  return batches.flatMap((row) =>
    Object.entries(row.relativeErrors ?? {})
      .filter(([rival, error]) => !(error <= toleranceOf(rival)))
      .map(
        ([rival, error]) => `${name}, decoder, ${row.name}: ${error} relative to ${rival}, over ${toleranceOf(rival)}`,
      ),
  );
}

const toleranceOf = (rival) => (PRECISION[rival] === 'bf16' ? BFLOAT16_TOLERANCE : TOLERANCE);

module.exports = { measure, writeParameters };
