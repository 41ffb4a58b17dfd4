/** The part of a `tokenizer.json` normalizer of type BertNormalizer that matters here. */
export interface BertNormalizer {
  type: 'BertNormalizer';
  handle_chinese_chars?: boolean | null;
  strip_accents?: boolean | null;
  lowercase?: boolean | null;
}

function isBertNormalizer(normalizer: unknown): normalizer is BertNormalizer {
  return (normalizer as { type?: unknown } | null | undefined)?.type === 'BertNormalizer';
}

/** Tokenisers of transformers that make their normalizer from `tokenizer_config.json`. */
const CONFIGURED = /^(?:Bert|DistilBert|MPNet)Tokenizer(?:Fast)?$/;

/**
 * The normalizer that transformers would use: its BertTokenizer and those like it take `tokenizer_config.json`, with
 * their own defaults, and ignore `tokenizer.json`. undefined without a BertNormalizer.
 */
export function effectiveNormalizer(
  normalizer: unknown,
  settings: Record<string, unknown>,
): BertNormalizer | undefined {
  if (!isBertNormalizer(normalizer)) return undefined;
  const { tokenizer_class: tokenizerClass = 'BertTokenizer' } = settings;
  if (!CONFIGURED.test(String(tokenizerClass))) return normalizer;
  return {
    ...normalizer,
    lowercase: flag(settings.do_lower_case) ?? true,
    strip_accents: flag(settings.strip_accents) ?? null,
    handle_chinese_chars: flag(settings.tokenize_chinese_chars) ?? true,
  };
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** Ideographs beyond U+FFFF that the BERT normaliser separates. */
const RARE_IDEOGRAPHS = /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/**
 * Corrects two differences between @huggingface/tokenizers 0.2 and the Rust tokenizers that transformers uses: it
 * treats ideographs beyond U+FFFF as parts of words, and lower-cases Σ at the end of a word to ς instead of σ. (A third
 * one remains: marks and punctuation of scripts added after Unicode 8 count as such only in JavaScript.)
 */
export function correctForRust(text: string, normalizer: BertNormalizer): string {
  const spaced = normalizer.handle_chinese_chars ? text.replace(RARE_IDEOGRAPHS, ' $& ') : text;
  return normalizer.lowercase ? spaced.replaceAll('Σ', 'σ') : spaced;
}
