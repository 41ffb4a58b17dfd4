const { trainLanguageModel } = require('../../../dist/language.js');

/** In the order of their ids, after the 256 bytes. */
const SPECIAL_TOKENS = ['<begin>', '<end>', '<user>', '<reply>'];

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 256 + SPECIAL_TOKENS.length,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 192,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  bos_token_id: 256,
  eos_token_id: 257,
  torch_dtype: 'float32',
};

const CHAT_TEMPLATE = [
  '{{ bos_token }}',
  "{% for message in messages %}{{ '<' + message['role'].replace('assistant', 'reply') + '>' + message['content'] }}",
  "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}",
  "{% if add_generation_prompt %}{{ '<reply>' }}{% endif %}",
].join('');

/** The characters by which byte-level tokenizers write bytes: printable ones are themselves, the others follow 255. */
function byteCharacters() {
  const isPrintable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let others = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : others++));
}

/** A tokenizer with one token for each byte. */
function tokenizer() {
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, index) => ({ id: 256 + index, content, ...special })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(byteCharacters().map((character, byte) => [character, byte])),
      merges: [],
    },
  };
}

/**
 * Writes a Llama of a few thousand random weights: `trainLanguageModel` does a single step, too small to matter.
 * @param {string} out
 * @param {number} seed
 */
async function writeTinyBase(out, seed) {
  await trainLanguageModel({
    config: CONFIG,
    tokenizer: tokenizer(),
    tokenizerConfig: { bos_token: '<begin>', eos_token: '<end>', chat_template: CHAT_TEMPLATE },
    corpus: [[256, 257]],
    out,
    seed,
    steps: 1,
    batch: 1,
    learningRate: 1e-9,
    initialDeviation: 0.2,
  });
}

module.exports = { writeTinyBase };
