import { DndError } from '../../errors.js';
import { type GgufFile, metadataCount, metadataNumbers, metadataTexts } from '../../formats/gguf/index.js';
import { errorMessage, invalidValue, quote } from '../../validation/index.js';

/** `tokenizer.ggml.token_type`. Source: llama.cpp, `llama_token_type`. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const SPECIAL_IDS = { bos: 'bos', eos: 'eos', unk: 'unknown', sep: 'seperator', pad: 'padding' } as const;
type SpecialName = keyof typeof SPECIAL_IDS;

/** The tokens of a GGUF file. */
export interface Vocabulary {
  path: string;
  tokens: readonly string[];
  types: readonly number[];
  /** Ids of the special tokens that the file names. */
  special: ReadonlyMap<SpecialName, number>;
}

/**
 * @throws DndError CORRUPT_FILE for lists that are missing, of different lengths or with a token twice; SHAPE_MISMATCH for
 * another number of tokens than the embeddings have rows
 */
export function readVocabulary({
  path,
  metadata,
  tensors,
}: Pick<GgufFile, 'path' | 'metadata' | 'tensors'>): Vocabulary {
  const tokens = metadataTexts(metadata, 'tokenizer.ggml.tokens', path);
  if (tokens === undefined) throw missing(path, 'tokenizer.ggml.tokens', 'a list of texts');
  const rows = tensors.get('token_embd.weight')?.shape[1];
  if (rows !== undefined && rows !== tokens.length)
    throw new DndError(
      'SHAPE_MISMATCH',
      errorMessage({
        what: `${path}: tokenizer.ggml.tokens`,
        problem: 'has another length than the embeddings have rows',
        expected: `${rows} tokens`,
        got: tokens.length,
        advice: 'convert the model again, with its own tokenizer',
      }),
    );
  const types = Array.from(
    numbersFor(
      tokens.length,
      metadataNumbers(metadata, 'tokenizer.ggml.token_type', path),
      path,
      'tokenizer.ggml.token_type',
    ),
  );
  checkTokens(tokens, types, path);
  const special = new Map<SpecialName, number>();
  for (const [name, key] of Object.entries(SPECIAL_IDS) as [SpecialName, string][]) {
    const id = metadataCount(metadata, `tokenizer.ggml.${key}_token_id`, path);
    if (id === undefined) continue;
    if (id >= tokens.length)
      throw invalidValue('CORRUPT_FILE', `${path}: tokenizer.ggml.${key}_token_id`, `an id below ${tokens.length}`, id);
    special.set(name, id);
  }
  return { path, tokens, types, special };
}

/** A list with a number for each token. @throws DndError CORRUPT_FILE */
export function numbersFor(
  count: number,
  list: ArrayLike<number | bigint> | undefined,
  path: string,
  key: string,
): number[] {
  if (list === undefined) throw missing(path, key, `${count} numbers`);
  if (list.length !== count)
    throw new DndError(
      'CORRUPT_FILE',
      errorMessage({
        what: `${path}: ${key}`,
        problem: 'has the wrong length',
        expected: `${count}, one for each token`,
        got: list.length,
      }),
    );
  return Array.from(list as ArrayLike<number>, Number);
}

/** Tokens that no text has: padding of the vocabulary. */
export function isUnused(token: string, type: number): boolean {
  return type === TOKEN_TYPES.unused || token === '';
}

function checkTokens(tokens: readonly string[], types: readonly number[], path: string): void {
  const known = Object.values(TOKEN_TYPES) as number[];
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const type = types[id]!;
    if (!known.includes(type))
      throw invalidValue(
        'CORRUPT_FILE',
        `${path}: tokenizer.ggml.token_type of token ${id}`,
        'a type from 1 to 6',
        type,
      );
    if (isUnused(token, type)) continue;
    const other = ids.get(token);
    if (other !== undefined)
      throw new DndError(
        'CORRUPT_FILE',
        `${path}: tokenizer.ggml.tokens has ${quote(token)} twice, as ${other} and ${id}`,
      );
    ids.set(token, id);
  }
}

export function missing(path: string, key: string, expected: string): DndError {
  return invalidValue('CORRUPT_FILE', `${path}: ${key}`, expected, undefined);
}
