import type { BertNormalizer } from '../tokeniser/index.js';

function isBertNormalizer(normalizer: unknown): normalizer is BertNormalizer {
  return (normalizer as { type?: unknown } | null | undefined)?.type === 'BertNormalizer';
}

/** Tokenisers of transformers that make their normalizer from `tokenizer_config.json`. */
const CONFIGURED = /^(?:Bert|DistilBert|MPNet)Tokenizer(?:Fast)?$/;

/**
 * The normalizer that transformers would use: its BertTokenizer and those like it take `tokenizer_config.json`, with
 * their own defaults, and ignore `tokenizer.json`. Others stay as they are.
 */
export function effectiveNormalizer(normalizer: unknown, settings: Record<string, unknown>): unknown {
  if (!isBertNormalizer(normalizer)) return normalizer;
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
