const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { CausalEngine, CausalTrainerEngine, cpuInfo } = require('../../dist/engine/index.js');
const { MODULE_NAMES } = require('../../dist/adapter/index.js');
const { SafetensorsFile } = require('../../dist/formats/safetensors/index.js');
const { causalConfigFromJson } = require('../../dist/language/index.js');
const { loadLanguageWeights } = require('../../dist/language/weights.js');
const { LlamaCpp } = require('../llama-cpp.cjs');
const { Peer } = require('../peer.cjs');
const { normals } = require('../random.cjs');
const { alternate } = require('../statistics.cjs');
const { writeParameters } = require('./decoder.cjs');
const { fastestVariant } = require('./variants.cjs');

/** Sizes of SmolLM2-135M, and those of a base as small as the pocket world's. */
const MODELS = [
  {
    name: '135M Llama',
    rank: 8,
    batch: 16,
    length: 40,
    decoded: 32,
    config: {
      ...{ hidden_size: 576, intermediate_size: 1536, num_hidden_layers: 30, vocab_size: 49152 },
      ...{ num_attention_heads: 9, num_key_value_heads: 3, head_dim: 64, max_position_embeddings: 2048 },
    },
  },
  {
    name: 'pocket base',
    rank: 4,
    batch: 16,
    length: 40,
    decoded: 64,
    config: {
      ...{ hidden_size: 128, intermediate_size: 336, num_hidden_layers: 4, vocab_size: 512 },
      ...{ num_attention_heads: 4, num_key_value_heads: 4, head_dim: 32, max_position_embeddings: 256 },
    },
  },
];
const SHARED = { model_type: 'llama', hidden_act: 'silu', rms_norm_eps: 1e-5, tie_word_embeddings: true };
const LEARNING_RATE = 1e-3;
/** A response is this share of a sequence. */
const LABELLED = 1 / 3;
const IGNORED = -100;
/** Of losses, relative to those of the peer in float32. */
const TOLERANCE = 1e-4;
const ENOUGH_SECONDS = 60;

/** A LoRA fine-tuning step and greedy decoding, side by side with PyTorch and PEFT; decoding also with llama.cpp. */
async function measure(context) {
  const { peer, about } = context.peer
    ? await Peer.start(context.threads, 'language_peer.py')
    : { peer: null, about: {} };
  if (context.peer && !peer) throw new Error(about.missing);
  const other = context.peer ? await LlamaCpp.start(context.threads) : { llamaCpp: null, about: {} };
  if (other.about.missing) context.progress(other.about.missing);
  const rivals = { peer, variants: about.variants ?? [], llamaCpp: other.llamaCpp };
  const models = [];
  try {
    for (const model of context.quick ? MODELS.slice(1) : MODELS)
      models.push(await measureModel(model, { ...context, ...rivals }));
  } finally {
    await other.llamaCpp?.stop();
    await peer?.stop();
  }
  const wrong = models
    .filter(({ lossError }) => lossError > TOLERANCE)
    .map(({ name, lossError }) => `language, ${name}: losses differ by ${lossError}, over ${TOLERANCE}`);
  return { models, tolerance: TOLERANCE, llamaCpp: other.about, wrong };
}

async function measureModel(model, context) {
  const { scratch, threads, runs, peer, llamaCpp, progress } = context;
  const { name, rank, batch, length, decoded } = model;
  const config = { ...SHARED, ...model.config };
  const [weights, halves, adapter] = ['', '-bf16', '-lora'].map((of) => join(scratch, `language${of}.safetensors`));
  const files = { weights, halves, adapter };
  const data = dataOf(config.vocab_size, batch, length);
  const own = await Own.create(config, { rank, threads, precision: 'fp32' }, data);
  const half = cpuInfo().bfloat16 ? await Own.create(config, { rank, threads, precision: 'bf16' }, data) : undefined;
  const { engine, trainer } = own;
  let stored;
  try {
    await writeParameters(engine, files.halves, 'BF16');
    stored = await engineOf(config, { threads, file: files.halves });
    let best;
    if (peer) {
      await writeParameters(engine, files.weights);
      await writeParameters(trainer, files.adapter);
      await writeFile(join(scratch, 'language-ids.i32'), data.ids);
      await writeFile(join(scratch, 'language-labels.i32'), data.labels);
      best = await fastestPeer({ name, config, rank, batch, length, files }, context);
    }
    const figures = await alternate(
      { ours: () => own.step(), ...(half && { half: () => half.step() }), ...(best && { peer: () => best.step() }) },
      { runs, enoughSeconds: ENOUGH_SECONDS },
    );
    progress(`language, ${name}: a step measured`);
    await llamaCpp?.load(engine, config, join(scratch, 'language.gguf'));
    const decoding = [];
    for (const sequences of [1, batch]) {
      const one = await alternate(
        {
          ours: () => decodingOf(engine, data, sequences, decoded),
          oursStored: () => decodingOf(stored, data, sequences, decoded),
          ...(best && { peer: () => best.seconds('generate', { sequences, tokens: decoded }) }),
          ...(llamaCpp && { llamaCpp: () => decodingSeconds(llamaCpp, data, sequences, decoded) }),
        },
        { runs, enoughSeconds: ENOUGH_SECONDS / 4 },
      );
      decoding.push({ sequences, tokens: decoded, ...one });
    }
    const [first] = own.losses;
    return {
      ...{ name, rank, batch, length, labelled: data.labelled, parameters: engine.parameterBytes / 4 },
      ...{ variant: best?.name, ...figures, decoding },
      lossError: best?.firstLoss === undefined ? null : Math.abs(first - best.firstLoss) / best.firstLoss,
    };
  } finally {
    own.dispose();
    half?.dispose();
    stored?.dispose();
  }
}

const layersOf = ({ num_hidden_layers: count }) => Array.from({ length: count }, (_, layer) => layer);

/** Random ids; the last third of each sequence has labels. */
function dataOf(vocabulary, batch, length) {
  const numbers = normals(batch * length, 1);
  const ids = Int32Array.from(numbers, (value) => Math.floor(Math.abs(value) * 1e6) % vocabulary);
  const prompt = length - Math.round(length * LABELLED);
  const labels = ids.map((id, index) => (index % length < prompt ? IGNORED : id));
  return { ids, labels, lengths: new Array(batch).fill(length), labelled: batch * (length - prompt) };
}

async function seconds(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** @param {{ threads: number, precision?: string, file?: string }} options `file`: where its weights are, else random ones */
async function engineOf(config, { file, ...options }) {
  const { sizes } = causalConfigFromJson(config, 'the benchmark');
  const engine = await CausalEngine.create({ ...sizes, ...options, mapped: file !== undefined });
  try {
    if (file === undefined) await engine.initialise(0, 0.02);
    else {
      const weights = await SafetensorsFile.open(file);
      await loadLanguageWeights(engine, weights).finally(() => weights.close());
    }
  } catch (error) {
    engine.dispose();
    throw error;
  }
  return engine;
}

class Own {
  /** @param {'fp32' | 'bf16'} precision of the frozen base's products */
  static async create(config, { rank, threads, precision }, data) {
    const engine = await engineOf(config, { threads, precision });
    try {
      const trainer = await CausalTrainerEngine.create(engine, {
        parameters: { trained: 'lora', rank, scale: 2, modules: [...MODULE_NAMES], layers: layersOf(config) },
        optimiser: { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, maxGradientNorm: 1, moments: 'fp32' },
        threads,
      });
      await trainer.initialise(0);
      return new Own(engine, trainer, data);
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  constructor(engine, trainer, data) {
    Object.assign(this, { engine, trainer, data, losses: [] });
  }

  step() {
    const { ids, lengths, labels, labelled } = this.data;
    return seconds(async () => {
      const sums = await this.trainer.accumulate({ ids, lengths, lora: null }, labels, 1 / labelled);
      await this.trainer.update(LEARNING_RATE);
      this.losses.push(-sums.reduce((total, { sum }) => total + sum, 0) / labelled);
    });
  }

  dispose() {
    this.trainer.dispose();
    this.engine.dispose();
  }
}

/** Seconds of `tokens` tokens after a first one, which takes the prompt's pass. */
async function decodingOf(engine, { ids, lengths: all }, sequences, tokens) {
  const lengths = all.slice(0, sequences);
  const batch = { ids: ids.slice(0, sequences * lengths[0]), lengths, lora: null };
  const first = await seconds(() => engine.generate(batch, { maxNewTokens: 1 }));
  return (await seconds(() => engine.generate(batch, { maxNewTokens: tokens + 1 }))) - first;
}

/** As `decodingOf`. */
async function decodingSeconds(llamaCpp, { ids, lengths }, sequences, tokens) {
  const [length] = lengths;
  const rows = Array.from({ length: sequences }, (_, row) => [...ids.slice(row * length, (row + 1) * length)]);
  const first = await seconds(() => llamaCpp.generate(rows, 1));
  return (await seconds(() => llamaCpp.generate(rows, tokens + 1))) - first;
}

/** The peer on the same weights, adapter and batch, in its fastest variant. */
async function fastestPeer({ name, config, rank, batch, length, files }, { peer, scratch, variants, progress }) {
  const [ids, labels] = ['ids', 'labels'].map((of) => join(scratch, `language-${of}.i32`));
  const load = async (variant) => {
    await peer.ask('load', { variant, config, rank, learningRate: LEARNING_RATE, ...files });
    await peer.ask('batch', { ids, labels, shape: [batch, length] });
  };
  return fastestVariant({ what: `language, ${name}`, peer, variants, load, progress });
}

module.exports = { measure };
