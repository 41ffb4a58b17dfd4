const { existsSync } = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { ggufNameOf, placeOf } = require('../dist/language/gguf/tensor-names.js');
const { permuteRows } = require('../dist/adapter/gguf/permute.js');
const { writeGguf } = require('../dist/formats/gguf/index.js');

const VERSION = '3.22.1';
const CONTEXT = 256;

/** A folder whose node_modules has node-llama-cpp: DND_LLAMA_CPP, else the cache's. Nothing is installed. */
function findFolder() {
  const cache = process.env.DND_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(os.homedir(), '.cache'), 'dnd-lora');
  return process.env.DND_LLAMA_CPP ?? join(cache, `node-llama-cpp-${VERSION}`);
}

/** llama.cpp through node-llama-cpp, in this process: its threads sleep while it has no work. */
class LlamaCpp {
  /** @returns {Promise<{ llamaCpp: LlamaCpp, about: object } | { llamaCpp: null, about: { missing: string } }>} */
  static async start(threads) {
    const folder = findFolder();
    const entry = join(folder, 'node_modules/node-llama-cpp/dist/index.js');
    const missing = (why) => ({ llamaCpp: null, about: { missing: `llama.cpp is left out: ${why}` } });
    if (!existsSync(entry)) return missing(`${folder} has no node-llama-cpp; DND_LLAMA_CPP names another folder`);
    try {
      const { getLlama } = await import(pathToFileURL(entry).href);
      const options = { build: 'never', skipDownload: true, gpu: false, maxThreads: threads, logLevel: 'error' };
      const llama = await getLlama(options);
      return { llamaCpp: new LlamaCpp(llama, threads), about: { folder, version: VERSION } };
    } catch (error) {
      return missing(`${folder}: ${error.message}`);
    }
  }

  constructor(llama, threads) {
    Object.assign(this, { llama, threads });
  }

  /** Loads the engine's weights, as a float32 GGUF file at `path`. */
  async load(engine, config, path) {
    await writeModel(engine, config, path);
    await this.unload();
    this.model = await this.llama.loadModel({ modelPath: path, gpuLayers: 0 });
  }

  /**
   * Greedy decoding of all sequences together, in float32 throughout.
   * @param {number[][]} prompts
   * @returns {Promise<number[][]>} `tokens` ids for each
   */
  async generate(prompts, tokens) {
    if (this.sequences?.length !== prompts.length) {
      await this.context?.dispose();
      const options = { sequences: prompts.length, contextSize: CONTEXT, batchSize: prompts.length * CONTEXT };
      const precision = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' };
      const threads = { ideal: this.threads, min: this.threads };
      this.context = await this.model.createContext({ ...options, ...precision, flashAttention: false, threads });
      this.sequences = prompts.map(() => this.context.getSequence());
    }
    return Promise.all(
      this.sequences.map(async (sequence, index) => {
        await sequence.clearHistory();
        const ids = [];
        for await (const id of sequence.evaluate(prompts[index], { temperature: 0, yieldEogToken: true })) {
          ids.push(id);
          if (ids.length === tokens) break;
        }
        return ids;
      }),
    );
  }

  async unload() {
    await this.context?.dispose();
    await this.model?.dispose();
    Object.assign(this, { context: undefined, sequences: undefined, model: undefined });
  }

  async stop() {
    await this.unload();
    await this.llama.dispose();
  }
}

const text = (value) => ({ type: 'string', value });
const count = (value) => ({ type: 'uint32', value });
const float = (value) => ({ type: 'float32', value });

async function writeModel(engine, config, path) {
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, head_dim: headDim, vocab_size: size } = config;
  const form = { architecture: 'llama', heads, kvHeads, headDim };
  const metadata = new Map([
    ['general.architecture', text('llama')],
    ['llama.block_count', count(config.num_hidden_layers)],
    ['llama.context_length', count(config.max_position_embeddings)],
    ['llama.embedding_length', count(config.hidden_size)],
    ['llama.feed_forward_length', count(config.intermediate_size)],
    ['llama.attention.head_count', count(heads)],
    ['llama.attention.head_count_kv', count(kvHeads)],
    ['llama.attention.key_length', count(headDim)],
    ['llama.attention.value_length', count(headDim)],
    ['llama.attention.layer_norm_rms_epsilon', float(config.rms_norm_eps)],
    ['llama.rope.dimension_count', count(headDim)],
    ['llama.vocab_size', count(size)],
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('gpt-2')],
    [
      'tokenizer.ggml.tokens',
      list(
        'string',
        Array.from({ length: size }, (_, id) => `t${id}`),
      ),
    ],
    ['tokenizer.ggml.token_type', list('int32', new Int32Array(size).fill(1))],
    ['tokenizer.ggml.merges', list('string', ['t 0'])],
    ['tokenizer.ggml.eos_token_id', count(0)],
  ]);
  const tensors = engine.parameters.map(({ name, shape }) => {
    const own = ggufNameOf(name, form);
    const permuted = placeOf(own, form, path).heads;
    const elements = shape.reduce((product, length) => product * length, 1);
    const bytes = function* () {
      const values = engine.readParameter(name, 0, elements);
      const ordered = permuted === 0 ? values : permuteRows(values, shape[1], permuted, 'llama.cpp');
      yield new Uint8Array(ordered.buffer);
    };
    return { name: own, shape: [...shape].reverse(), type: 'F32', bytes };
  });
  await writeGguf(path, metadata, tensors);
}

const list = (of, values) => ({ type: 'array', value: { of, values } });

module.exports = { LlamaCpp };
