import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { readGolden } from './golden.js';

/** A small random BERT: 60 tokens, 24 channels, 3 layers, 32 positions. */
export const SMALL_BERT = 'encoder_bert.safetensors';

/** Its weights as they would be saved. */
export async function smallBertTensors(): Promise<TensorSource[]> {
  const { tensors } = await readGolden(SMALL_BERT);
  return [...tensors]
    .filter(([name]) => /^(embeddings|encoder)\./.test(name))
    .map(([name, { shape, data }]) => tensor(name, shape, data as Float32Array<ArrayBuffer>));
}

export function tensor(name: string, shape: number[], data: Float32Array<ArrayBuffer>): TensorSource {
  return { name, dtype: 'F32', shape, bytes: () => [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] };
}

export async function smallBertConfig(): Promise<Record<string, unknown>> {
  return JSON.parse((await readGolden(SMALL_BERT)).settings.config!);
}

const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const VOCABULARY = [...SPECIAL, ...letters, ...letters.map((letter) => `##${letter}`)];

/** A BERT tokeniser that spells: "ab c" → [CLS] a ##b c [SEP]. */
export const SPELLING_TOKENIZER = {
  version: '1.0',
  added_tokens: SPECIAL.map((content, id) => ({ id, content, special: true, normalized: false })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(VOCABULARY.map((token, id) => [token, id])),
  },
};

/** Ids that `SPELLING_TOKENIZER` gives to words of small letters. */
export function spell(text: string): number[] {
  const words = text.split(' ').filter(Boolean);
  const ids = words.flatMap((word) => [...word].map((c, i) => VOCABULARY.indexOf(i === 0 ? c : `##${c}`)));
  return [2, ...ids, 3];
}

/** Writes a folder as Hugging Face does: `files` replace or, when undefined, leave out what would be there. */
export async function writeModel(
  folder: string,
  files: Record<string, unknown> = {},
  tensors?: TensorSource[],
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const all: Record<string, unknown> = {
    'config.json': await smallBertConfig(),
    'tokenizer.json': SPELLING_TOKENIZER,
    'tokenizer_config.json': { tokenizer_class: 'BertTokenizer', do_lower_case: true, pad_token: '[PAD]' },
    ...files,
  };
  for (const [name, content] of Object.entries(all)) {
    if (content !== undefined) await writeFile(join(folder, name), JSON.stringify(content));
  }
  if (tensors === undefined || tensors.length > 0) {
    await writeSafetensors(join(folder, 'model.safetensors'), tensors ?? (await smallBertTensors()));
  }
  return folder;
}
