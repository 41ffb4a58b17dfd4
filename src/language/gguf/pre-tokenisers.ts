import { DndError } from '../../errors.js';
import { quote } from '../../validation/index.js';

/** How a text is cut into words before byte-level BPE joins their bytes, as `tokenizer.ggml.pre` names it. */
export interface PreTokeniser {
  /** Regular expressions whose matches become words of their own, one after the other. */
  splits: readonly string[];
  /** Whether GPT-2's expression comes last. */
  gpt2: boolean;
  /** Whether texts are brought into the normal form C first. */
  composed: boolean;
  /** Whether a word that is in the vocabulary is one token, whatever the merges say. */
  wholeWords: boolean;
  /** Whether texts start with the beginning token, unless the file says otherwise. */
  addStart: boolean;
}

/** English contractions in either case, as the expressions of Llama 3 and Qwen 2 begin. */
const CONTRACTIONS = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const SPACES = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const llamaLike = (digits: string) =>
  `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}`;

const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const BEFORE = '[^\\r\\n\\p{L}\\p{N}]?';

const GPT2: PreTokeniser = { splits: [], gpt2: true, composed: false, wholeWords: false, addStart: false };
const SINGLE_DIGITS: PreTokeniser = { ...GPT2, splits: ['\\p{N}'] };
const LLAMA3: PreTokeniser = {
  splits: [llamaLike('\\p{N}{1,3}')],
  gpt2: false,
  composed: false,
  wholeWords: true,
  addStart: true,
};
const QWEN2: PreTokeniser = {
  splits: [llamaLike('\\p{N}')],
  gpt2: false,
  composed: true,
  wholeWords: false,
  addStart: false,
};
const TEKKEN: PreTokeniser = {
  splits: [`${BEFORE}${UPPER}*${LOWER}+|${BEFORE}${UPPER}+${LOWER}*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${SPACES}`],
  gpt2: false,
  composed: false,
  wholeWords: true,
  addStart: true,
};

/**
 * By `tokenizer.ggml.pre`. Source: the tokenizer.json of the models for which llama.cpp's converter writes each name; and
 * `llama_vocab::impl::load` for what follows from it.
 */
const PRE_TOKENISERS: Readonly<Record<string, PreTokeniser>> = {
  'gpt-2': GPT2,
  smollm: SINGLE_DIGITS,
  starcoder: SINGLE_DIGITS,
  refact: SINGLE_DIGITS,
  'llama-bpe': LLAMA3,
  llama3: LLAMA3,
  'llama-v3': LLAMA3,
  qwen2: QWEN2,
  'deepseek-r1-qwen': QWEN2,
  tekken: TEKKEN,
};

/** @throws DndError UNSUPPORTED_BASE for another name, or a file that names none */
export function preTokeniserOf(name: string | undefined, path: string): PreTokeniser {
  if (name !== undefined && Object.hasOwn(PRE_TOKENISERS, name)) return PRE_TOKENISERS[name]!;
  const known = Object.keys(PRE_TOKENISERS).join(', ');
  throw new DndError(
    'UNSUPPORTED_BASE',
    name === undefined
      ? `${path}: tokenizer.ggml.pre is missing, so that nothing says how texts are cut into words; expected one of ${known}. Convert the model again, with a current llama.cpp`
      : `${path}: the pre-tokenizer ${quote(name)} is not supported; expected one of ${known}. Use the model's folder in the layout of Hugging Face`,
  );
}
