const { mkdir, readFile, writeFile } = require('node:fs/promises');
const { basename, join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { parseBertConfig } = require('../../dist/encoder/bert-config.js');
const { loadEncoderWeights } = require('../../dist/encoder/encoder-weights.js');
const { cpuInfo, EncoderEngine } = require('../../dist/engine/index.js');
const { SafetensorsSet, writeSafetensors } = require('../../dist/formats/safetensors/index.js');
const { readFloats } = require('../floats.cjs');
const { normals } = require('../random.cjs');
const { alternate, relativeError } = require('../statistics.cjs');

const TOLERANCE = 1e-5;
/** Of hidden states in bfloat16. */
const BFLOAT16_TOLERANCE = 3e-2;
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
  await engine.prepare();
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
  const engines = { fp32: await loadEngine(folder, config, { threads }) };
  if (cpuInfo().bfloat16) engines.bf16 = await loadEngine(folder, config, { threads, precision: 'bf16' });
  try {
    const states = {};
    const run = (name, precision, padding) => async () => {
      const began = performance.now();
      const how = { prompts, length, window: length, padding, pooling: 'none' };
      states[name] = await engines[precision].encode(ids, mask, how);
      return (performance.now() - began) / 1000;
    };
    const rivals = { ours: run('ours', 'fp32', 'encode'), oursZeroPadding: run('oursZeroPadding', 'fp32', 'zero') };
    if (engines.bf16) rivals.oursBfloat16 = run('oursBfloat16', 'bf16', 'encode');
    const peerSettings = {};
    const files = {
      ids: join(scratch, 'ids.i32'),
      mask: join(scratch, 'mask.i32'),
    };
    const outputs = { peer: join(scratch, 'peer.f32'), peerBfloat16: join(scratch, 'peer-bfloat16.f32') };
    const precisions = { peer: 'fp32', peerBfloat16: 'bf16' };
    if (peer) {
      await writeFile(files.ids, ids);
      await writeFile(files.mask, mask);
      await peer.ask('load_encoder', { folder });
      for (const [name, precision] of Object.entries(precisions)) {
        const request = { ...files, shape: [prompts, length], batch: 32, precision, quick: context.quick };
        peerSettings[name] = await peer.ask('choose_encoder', request);
        rivals[name] = async () => (await peer.ask('encoder', { ...request, output: outputs[name] })).seconds;
      }
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
      ...(peer && { peerSettings }),
    };
    const errors = {};
    if (states.oursBfloat16) errors.oursBfloat16 = relativeError(states.oursBfloat16, states.ours);
    for (const name of peer ? Object.keys(outputs) : []) {
      errors[name] = relativeError(states.ours, await readFloats(outputs[name]));
    }
    const wrong = Object.entries(errors)
      .map(([name, error]) => ({ name, error, most: name.endsWith('Bfloat16') ? BFLOAT16_TOLERANCE : TOLERANCE }))
      .filter(({ error, most }) => !(error <= most))
      .map(({ name, error, most }) => `encoder: relative error ${error} of ${name} to ours in float32, over ${most}`);
    return { ...result, relativeError: errors.peer, relativeErrors: errors, tolerance: TOLERANCE, wrong };
  } finally {
    for (const engine of Object.values(engines)) engine.dispose();
    if (peer) await peer.ask('forget');
  }
}

module.exports = { flopOf, loadEngine, measure, randomIds, randomModel };
