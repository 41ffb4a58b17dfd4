import { DndError } from '../../errors.js';
import { type GgufFile, metadataFlag, metadataNumbers, metadataText, metadataTexts } from '../../formats/gguf/index.js';
import { quote } from '../../validation/index.js';
import { listedMerges, mergesOfScores } from './merges.js';
import { type PreTokeniser, preTokeniserOf } from './pre-tokenisers.js';
import { isUnused, missing, numbersFor, readVocabulary, TOKEN_TYPES, type Vocabulary } from './vocabulary.js';

type Header = Pick<GgufFile, 'path' | 'metadata' | 'tensors'>;

/** What a model's folder has in its tokenizer.json and tokenizer_config.json. */
export interface GgufTokenizer {
  tokenizer: Record<string, unknown>;
  tokenizerConfig: Record<string, unknown>;
}

/** The parts in which kinds of tokenizers differ. */
interface Kind {
  normalizer: unknown;
  preTokenizer: unknown;
  decoder: unknown;
  model: Record<string, unknown>;
  addStart: boolean;
}

/**
 * The tokenizer that a GGUF file describes (`tokenizer.ggml.*`), in Hugging Face's format: byte-level BPE (`gpt2`) and
 * SentencePiece's BPE (`llama`).
 * @throws DndError UNSUPPORTED_BASE for another model or pre-tokenizer, named; CORRUPT_FILE; SHAPE_MISMATCH
 */
export async function tokenizerFromGguf(file: Header): Promise<GgufTokenizer> {
  const { path, metadata } = file;
  const model = metadataText(metadata, 'tokenizer.ggml.model', path);
  if (model === undefined) throw missing(path, 'tokenizer.ggml.model', 'the kind of the tokenizer');
  if (model !== 'gpt2' && model !== 'llama')
    throw new DndError(
      'UNSUPPORTED_BASE',
      `${path}: tokenizers of the kind ${quote(model)} are not supported; expected gpt2 or llama`,
    );
  const vocabulary = readVocabulary(file);
  const kind = model === 'gpt2' ? byteLevel(file, vocabulary) : await sentencePiece(file, vocabulary);
  const starts = metadataFlag(metadata, 'tokenizer.ggml.add_bos_token', path) ?? kind.addStart;
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    normalizer: kind.normalizer,
    pre_tokenizer: kind.preTokenizer,
    post_processor: starts ? startingWith(vocabulary.special.get('bos'), vocabulary) : null,
    decoder: kind.decoder,
    model: {
      type: 'BPE',
      dropout: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: vocabOf(vocabulary),
      ...kind.model,
    },
  };
  const special = Array.from(vocabulary.special, ([name, id]) => [`${name}_token`, vocabulary.tokens[id]!]);
  const template = metadataText(metadata, 'tokenizer.chat_template', path);
  const tokenizerConfig = {
    ...Object.fromEntries(special),
    ...(template === undefined ? {} : { chat_template: template }),
  };
  return { tokenizer, tokenizerConfig };
}

/** Puts the beginning token before a text; null where there is none. */
function startingWith(id: number | undefined, { tokens }: Vocabulary): unknown {
  if (id === undefined) return null;
  const token = tokens[id]!;
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
}

/** Everything but padding. */
function vocabOf({ tokens, types }: Vocabulary): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, token] of tokens.entries()) if (!isUnused(token, types[id]!)) vocab[token] = id;
  return vocab;
}

/** Tokens that are found in a text before anything else. */
function addedTokens({ tokens, types }: Vocabulary): unknown[] {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return tokens.flatMap((content, id) => {
    const type = types[id]!;
    const special = type === TOKEN_TYPES.control || type === TOKEN_TYPES.unknown;
    if (content === '' || !(special || type === TOKEN_TYPES.userDefined)) return [];
    return [{ id, content, ...flags, special }];
  });
}

function byteLevel({ path, metadata }: Header, vocabulary: Vocabulary): Kind {
  const pre = preTokeniserOf(metadataText(metadata, 'tokenizer.ggml.pre', path), path);
  const merges = metadataTexts(metadata, 'tokenizer.ggml.merges', path);
  if (merges === undefined) throw missing(path, 'tokenizer.ggml.merges', 'a list of texts');
  return {
    normalizer: pre.composed ? { type: 'NFC' } : null,
    preTokenizer: byteLevelWords(pre),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { unk_token: null, ignore_merges: pre.wholeWords, merges: listedMerges(vocabulary, merges) },
    addStart: pre.addStart,
  };
}

function byteLevelWords({ splits, gpt2 }: PreTokeniser): unknown {
  const pretokenizers = [
    ...splits.map((expression) => ({
      type: 'Split',
      pattern: { Regex: expression },
      behavior: 'Isolated',
      invert: false,
    })),
    { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: gpt2 },
  ];
  return { type: 'Sequence', pretokenizers };
}

/** SentencePiece's mark of a space. */
const SPACE = '▁';

async function sentencePiece({ path, metadata }: Header, vocabulary: Vocabulary): Promise<Kind> {
  const key = 'tokenizer.ggml.scores';
  const scores = numbersFor(vocabulary.tokens.length, metadataNumbers(metadata, key, path), path, key);
  const wrong = scores.findIndex((score) => Number.isNaN(score));
  if (wrong >= 0) throw new DndError('CORRUPT_FILE', `${path}: ${key} of token ${wrong} is NaN; expected a number`);
  const prefix = metadataFlag(metadata, 'tokenizer.ggml.add_space_prefix', path) ?? true;
  const unknown = vocabulary.special.get('unk') ?? vocabulary.types.indexOf(TOKEN_TYPES.unknown);
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(prefix ? [{ type: 'Prepend', prepend: SPACE }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
      ],
    },
    preTokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      unk_token: vocabulary.tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      merges: await mergesOfScores(vocabulary, scores),
    },
    addStart: true,
  };
}
