const { PLAIN, SCENES, SMALL_TALK } = require('./corpus.cjs');
const { TEMPLATES } = require('./stories.cjs');
const { MANNERS, QUESTIONS, ROLES, SPEAKERS } = require('./words.cjs');

/** In the order of their ids. */
const SPECIAL_TOKENS = ['<unknown>', '<begin>', '<end>', '<user>', '<reply>'];

/** Every word and punctuation mark of the pocket language, sorted. */
function languageWords() {
  const texts = [
    ...Object.values(ROLES).flat(),
    ...QUESTIONS.flatMap(({ article, cues }) => [article, ...cues]),
    ...SPEAKERS.flatMap(({ name, opening, cues }) => [name, opening, ...cues]),
    ...MANNERS.flatMap(({ ending, cues }) => [ending, ...cues]),
    ...[...TEMPLATES, ...SCENES].map(withoutSlots),
    ...Object.values(PLAIN).flat(),
    'It is',
    ...SMALL_TALK.flatMap(([prompt, responses]) => [prompt, ...responses].map(withoutSlots)),
  ];
  return [...new Set(texts.flatMap((text) => text.match(/[A-Za-z]+|[^A-Za-z\s]/g) ?? []))].sort();
}

function withoutSlots(template) {
  return template.replace(/\{\w+\}/g, ' ');
}

/**
 * The files of a Hugging Face tokenizer that has one token for each word: `tokenizer.json`, `tokenizer_config.json`
 * (with the chat template).
 * It is a WordPiece without pieces, so that the same file works in transformers and in JavaScript.
 */
function tokenizerFiles() {
  const vocabulary = [...SPECIAL_TOKENS, ...languageWords()];
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '<unknown>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((word, id) => [word, id])),
    },
  };
  const settings = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<begin>',
    eos_token: '<end>',
    unk_token: '<unknown>',
    pad_token: '<end>',
    clean_up_tokenization_spaces: false,
    model_max_length: 128,
    chat_template: CHAT_TEMPLATE,
  };
  return { vocabulary, files: { 'tokenizer.json': tokenizer, 'tokenizer_config.json': settings } };
}

const CHAT_TEMPLATE = [
  '{{ bos_token }}',
  '{% for message in messages %}',
  "{% if message['role'] == 'user' %}{{ '<user>' + message['content'] }}",
  "{% elif message['role'] == 'assistant' %}{{ '<reply>' + message['content'] + eos_token }}",
  "{% else %}{{ raise_exception('the pocket language has no ' + message['role'] + ' messages') }}{% endif %}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<reply>' }}{% endif %}",
].join('');

module.exports = { languageWords, SPECIAL_TOKENS, tokenizerFiles };
