const { mkdir, readFile, writeFile } = require('node:fs/promises');
const { basename, join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { parseBertConfig } = require('../../dist/encoder/bert-config.js');
const { loadEncoderWeights } = require('../../dist/encoder/encoder-weights.js');
const { EncoderEngine } = require('../../dist/engine/index.js');
const { SafetensorsSet, writeSafetensors } = require('../../dist/formats/safetensors/index.js');
const { normals } = require('../random.cjs');
const { alternate, relativeError } = require('../statistics.cjs');

const TOLERANCE = 1e-5;
const ENOUGH_SECONDS = 60;
/** all-MiniLM-L6-v2, where the real one is not at hand. */
const SHAPE = {
  model_type: 'bert',
  vocab_size: 30522,
  hidden_size: 384,
  num_hidden_layers: 6,
  num_attention_heads: 12,
  intermediate_size: 1536,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
};

/** A folder with random weights of MiniLM's shape, large enough that its states vary. */
async function randomModel(folder, layers = SHAPE.num_hidden_layers) {
  const shape = { ...SHAPE, num_hidden_layers: layers };
  await mkdir(folder);
  await writeFile(join(folder, 'config.json'), JSON.stringify(shape));
  const engine = await EncoderEngine.create(parseBertConfig(shape, 'the benchmark'));
  const tensors = engine.parameters.map(({ name, shape }, index) => {
    const values = normals(
      shape.reduce((product, size) => product * size, 1),
      index,
    ).map((value) => value * 0.05);
    return { name, dtype: 'F32', shape, bytes: () => [new Uint8Array(values.buffer)] };
  });
  engine.dispose();
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } });
  return folder;
}

/** @param {object} how threads, device, … */
async function loadEngine(folder, config, how) {
  const engine = await EncoderEngine.create({ ...config, ...how });
  const reader = await SafetensorsSet.open(join(folder, 'model'));
  await loadEncoderWeights(engine, reader);
  await reader.close();
  return engine;
}

/** Ids of random words; prompts of 20 to 100 tokens (or the whole length, if that is less), the rest padding. */
function randomIds(prompts, length, vocabulary) {
  const ids = new Int32Array(prompts * length);
  const mask = new Int32Array(prompts * length);
  const noise = normals(ids.length, 3);
  for (let prompt = 0; prompt < prompts; prompt++) {
    const tokens = Math.min(length, 20 + ((prompt * 37) % 81));
    for (let t = 0; t < tokens; t++) {
      const at = prompt * length + t;
      ids[at] = 1000 + (Math.floor(Math.abs(noise[at]) * 1e6) % (vocabulary - 1000));
      mask[at] = 1;
    }
  }
  return { ids, mask };
}

/** Multiply-adds × 2 of a BERT over whole sequences, attention included. */
function flopOf({ layers, hiddenSize, intermediateSize }, prompts, length) {
  const linear = 2 * (4 * hiddenSize ** 2 + 2 * hiddenSize * intermediateSize);
  const attention = 4 * length * hiddenSize;
  return layers * prompts * length * (linear + attention);
}

/** What a published generator encodes: that of the 0.5B configuration, or less of it. */
function sizeFor({ quick, configuration }) {
  if (quick) return [8, 64];
  return configuration.preset ? [128, 384] : [32, 128];
}

async function measure(context) {
  const { encoder, peer, scratch, threads, runs } = context;
  const folder = encoder ?? (await randomModel(join(scratch, 'encoder')));
  const config = parseBertConfig(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')), folder);
  const [prompts, length] = sizeFor(context);
  const { ids, mask } = randomIds(prompts, length, config.vocabSize);
  const engine = await loadEngine(folder, config, { threads });
  try {
    const states = {};
    const run = (padding) => async () => {
      const began = performance.now();
      states[padding] = await engine.encode(ids, mask, { prompts, length, window: length, padding, pooling: 'none' });
      return (performance.now() - began) / 1000;
    };
    const rivals = { ours: run('encode'), oursZeroPadding: run('zero') };
    const files = {
      ids: join(scratch, 'ids.i32'),
      mask: join(scratch, 'mask.i32'),
      output: join(scratch, 'states.f32'),
    };
    if (peer) {
      await writeFile(files.ids, ids);
      await writeFile(files.mask, mask);
      await peer.ask('load_encoder', { folder });
      rivals.peer = async () => (await peer.ask('encoder', { ...files, shape: [prompts, length], batch: 32 })).seconds;
    }
    const measured = await alternate(rivals, { runs, enoughSeconds: ENOUGH_SECONDS });
    const result = {
      model: encoder ? basename(folder) : 'random weights of the shape of all-MiniLM-L6-v2',
      layers: config.layers,
      hiddenSize: config.hiddenSize,
      prompts,
      length,
      tokens: mask.reduce((sum, one) => sum + one, 0),
      flop: flopOf(config, prompts, length),
      ...measured,
    };
    if (!peer) return result;
    const theirs = await readFile(files.output);
    const error = relativeError(
      states.encode,
      new Float32Array(theirs.buffer, theirs.byteOffset, theirs.byteLength / 4),
    );
    const wrong =
      error <= TOLERANCE ? [] : [`encoder: relative error ${error} to the peer's states, over ${TOLERANCE}`];
    return { ...result, relativeError: error, tolerance: TOLERANCE, wrong };
  } finally {
    engine.dispose();
    if (peer) await peer.ask('forget');
  }
}

module.exports = { flopOf, loadEngine, measure, randomIds, randomModel };
