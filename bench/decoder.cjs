const { readFile, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { availableMemoryBytes, DecoderEngine } = require('../dist/engine/index.js');
const { writeSafetensors } = require('../dist/formats/safetensors/index.js');
const { normals } = require('./random.cjs');
const { convolutionsOf } = require('./shapes.cjs');
const { alternate, relativeError } = require('./statistics.cjs');
const { printTable, rate, ratio, time } = require('./table.cjs');

const TOLERANCE = 1e-5;
const ELEMENTS_PER_PIECE = 2 ** 20;

/** The engine's parameters as a file that both rivals have: never more than a piece of them in memory twice. */
async function writeParameters(engine, path) {
  const tensors = engine.parameters.map(({ name, shape }) => ({
    name,
    dtype: 'F32',
    shape,
    bytes: function* () {
      const elements = shape.reduce((product, size) => product * size, 1);
      for (let offset = 0; offset < elements; offset += ELEMENTS_PER_PIECE) {
        yield new Uint8Array(
          engine.readParameter(name, offset, Math.min(ELEMENTS_PER_PIECE, elements - offset)).buffer,
        );
      }
    },
  }));
  await writeSafetensors(path, tensors);
}

/** The peer's weights once in a file's pages, once in its memory, and its activations. */
function peerFits(engine) {
  return availableMemoryBytes() > 1.9 * engine.parameterBytes + 1e9;
}

async function preparePeer({ peer, scratch, configuration }, engine, condition) {
  if (!peer) return { why: undefined };
  if (!peerFits(engine)) return { why: 'not enough memory for both decoders at once' };
  const weights = join(scratch, 'decoder.safetensors');
  await writeParameters(engine, weights);
  const { features, kernelSize, projectedFrom } = configuration;
  await peer.ask('load_decoder', { features, kernelSize, projectedFrom, weights: [weights] });
  const files = { condition: join(scratch, 'condition.f32'), output: join(scratch, 'output.f32') };
  await writeFile(files.condition, condition);
  return { files };
}

/** Condition to weight tokens, one task: the same seeded weights and the same random condition for both rivals. */
async function measure(context) {
  const { configuration, peer, threads, runs } = context;
  const { features, kernelSize, projectedFrom } = configuration;
  const [tokens, length, channels] = features[0];
  const shape = [1, tokens, projectedFrom || length, channels];
  const condition = normals(
    shape.reduce((product, size) => product * size, 1),
    1,
  );
  const engine = await DecoderEngine.create({ features, kernelSize, projectedFrom, threads });
  try {
    await engine.initialise(0);
    const { files, why } = await preparePeer(context, engine, condition);
    let output;
    const rivals = {
      ours: async () => {
        const began = performance.now();
        output = await engine.forward(condition, 1);
        return (performance.now() - began) / 1000;
      },
    };
    if (files) rivals.peer = async () => (await peer.ask('decoder', { ...files, shape })).seconds;
    const measured = await alternate(rivals, runs);
    const flop = convolutionsOf(configuration).reduce((sum, convolution) => sum + convolution.flop, 0);
    const result = {
      features,
      kernelSize,
      parameterBytes: engine.parameterBytes,
      workspaceBytes: engine.workspaceBytes(1),
      flop,
      ...measured,
    };
    if (!files) return { ...result, ...(why && { peerLeftOut: why }) };
    const theirs = await readFile(files.output);
    const error = relativeError(output, new Float32Array(theirs.buffer, theirs.byteOffset, theirs.byteLength / 4));
    const wrong =
      error <= TOLERANCE ? [] : [`decoder: relative error ${error} to the peer's output, over ${TOLERANCE}`];
    return { ...result, relativeError: error, tolerance: TOLERANCE, wrong };
  } finally {
    engine.dispose();
    if (peer) await peer.ask('forget');
  }
}

function print({ flop, ours, peer, peerLeftOut, relativeError, tolerance, workspaceBytes, parameterBytes }) {
  printTable(
    'decoder forward, one task',
    ['TFLOP', 'parameters', 'workspace', 'ours', 'GFLOP/s', 'peer', 'GFLOP/s', 'ratio'],
    [
      [
        (flop / 1e12).toPrecision(3),
        `${(parameterBytes / 1e9).toFixed(2)} GB`,
        `${(workspaceBytes / 1e9).toFixed(2)} GB`,
        time(ours),
        rate(flop, ours),
        time(peer),
        rate(flop, peer),
        ratio(ours, peer),
      ],
    ],
  );
  if (peerLeftOut) console.log(`  peer left out: ${peerLeftOut}`);
  if (relativeError !== undefined)
    console.log(
      `  same weights, same condition: outputs differ by ${relativeError.toExponential(1)} relative (≤ ${tolerance})`,
    );
}

module.exports = { measure, print };
