const { writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
const { CausalEngine, CausalTrainerEngine } = require('../../dist/engine/index.js');
const { MODULE_NAMES } = require('../../dist/adapter/index.js');
const { causalConfigFromJson } = require('../../dist/language/index.js');
const { LlamaCpp } = require('../llama-cpp.cjs');
const { Peer } = require('../peer.cjs');
const { normals } = require('../random.cjs');
const { alternate } = require('../statistics.cjs');
const { writeParameters } = require('./decoder.cjs');

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
/** A variant of the peer whose first step takes so many times as long as the best one's is not tried further. */
const HOPELESS = 3;
/** PyTorch's threads spin for a while when their work is over. */
const SETTLE_MS = 30;

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
  const files = { weights: join(scratch, 'language.safetensors'), adapter: join(scratch, 'language-lora.safetensors') };
  const engine = await CausalEngine.create({ ...causalConfigFromJson(config, 'the benchmark').sizes, threads });
  let trainer;
  try {
    await engine.initialise(0, 0.02);
    trainer = await CausalTrainerEngine.create(engine, {
      parameters: { trained: 'lora', rank, scale: 2, modules: [...MODULE_NAMES], layers: layersOf(config) },
      optimiser: { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, maxGradientNorm: 1, moments: 'fp32' },
      threads,
    });
    await trainer.initialise(0);
    const data = dataOf(config.vocab_size, batch, length);
    const own = new Own(engine, trainer, data);
    let best;
    if (peer) {
      await writeParameters(engine, files.weights);
      await writeParameters(trainer, files.adapter);
      await writeFile(join(scratch, 'language-ids.i32'), data.ids);
      await writeFile(join(scratch, 'language-labels.i32'), data.labels);
      best = await fastestVariant({ config, rank, batch, length, files }, context);
    }
    const figures = await alternate(
      { ours: () => own.step(), ...(best && { peer: () => best.step() }) },
      { runs, enoughSeconds: ENOUGH_SECONDS },
    );
    progress(`language, ${name}: a step measured`);
    await llamaCpp?.load(engine, config, join(scratch, 'language.gguf'));
    const decoding = [];
    for (const sequences of [1, batch]) {
      const one = await alternate(
        {
          ours: () => own.generate(sequences, decoded),
          ...(best && { peer: () => best.generate(sequences, decoded) }),
          ...(llamaCpp && { llamaCpp: () => decodingSeconds(llamaCpp, data, sequences, decoded) }),
        },
        { runs, enoughSeconds: ENOUGH_SECONDS / 4 },
      );
      decoding.push({ sequences, tokens: decoded, ...one });
    }
    const [first] = own.losses;
    return {
      ...{ name, rank, batch, length, labelled: data.labelled, parameters: engine.parameterBytes / 4 },
      ...{ variant: best?.variant, ...figures, decoding },
      lossError: best?.firstLoss === undefined ? null : Math.abs(first - best.firstLoss) / best.firstLoss,
    };
  } finally {
    trainer?.dispose();
    engine.dispose();
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

class Own {
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

  /** Seconds of `tokens` tokens after a first one, which takes the prompt's pass. */
  async generate(sequences, tokens) {
    const [length] = this.data.lengths;
    const batch = {
      ids: this.data.ids.slice(0, sequences * length),
      lengths: this.data.lengths.slice(0, sequences),
      lora: null,
    };
    const first = await seconds(() => this.engine.generate(batch, { maxNewTokens: 1 }));
    return (await seconds(() => this.engine.generate(batch, { maxNewTokens: tokens + 1 }))) - first;
  }
}

/** As `Own.generate`. */
async function decodingSeconds(llamaCpp, { ids, lengths }, sequences, tokens) {
  const [length] = lengths;
  const rows = Array.from({ length: sequences }, (_, row) => [...ids.slice(row * length, (row + 1) * length)]);
  const first = await seconds(() => llamaCpp.generate(rows, 1));
  return (await seconds(() => llamaCpp.generate(rows, tokens + 1))) - first;
}

class Theirs {
  constructor(peer, variant) {
    Object.assign(this, { peer, variant });
  }

  async step() {
    const { seconds: taken, loss } = await this.peer.ask('step');
    this.firstLoss ??= loss;
    await sleep(SETTLE_MS);
    return taken;
  }

  async generate(sequences, tokens) {
    const { seconds: taken } = await this.peer.ask('generate', { sequences, tokens });
    await sleep(SETTLE_MS);
    return taken;
  }
}

/** The peer in the way in which its step is fastest, and its loss of the first step in float32. */
async function fastestVariant({ config, rank, batch, length, files }, { peer, scratch, variants, progress }) {
  const load = async (variant) => {
    await peer.ask('load', { variant, config, rank, learningRate: LEARNING_RATE, ...files });
    const [ids, labels] = ['ids', 'labels'].map((name) => join(scratch, `language-${name}.i32`));
    await peer.ask('batch', { ids, labels, shape: [batch, length] });
    return new Theirs(peer, variant);
  };
  let best;
  let firstLoss;
  for (const variant of variants) {
    const one = await load(variant);
    const first = await one.step(); // a new optimiser makes its states in it
    const hopeless = best !== undefined && first > HOPELESS * best.taken;
    const taken = hopeless ? first : Math.min(await one.step(), await one.step());
    progress(`language, the peer ${variant}: ${taken.toFixed(3)} s a step`);
    if (variant === 'float32') firstLoss = one.firstLoss;
    if (best === undefined || taken < best.taken) best = { variant, taken };
  }
  const chosen = await load(best.variant);
  await chosen.step();
  chosen.firstLoss = firstLoss;
  return chosen;
}

module.exports = { measure };
