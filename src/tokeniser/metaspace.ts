import { isObject } from '../validation/index.js';

/** A Metaspace pre-tokeniser as `tokenizer.json` describes it. */
export interface Metaspace {
  replacement: string;
  prepend: 'always' | 'first' | 'never';
  split: boolean;
}

export function metaspaceOf(description: Record<string, unknown>): Metaspace {
  const { replacement = '▁', prepend_scheme: scheme, add_prefix_space: prefix, split } = description;
  const prepend = scheme ?? (prefix === false ? 'never' : 'always');
  return { replacement: String(replacement), prepend: prepend as Metaspace['prepend'], split: split !== false };
}

/** Whether the pre-tokeniser, or one behind another, depends on where in the whole text a piece is. */
export function needsPosition(preTokenizer: unknown): boolean {
  return isObject(preTokenizer) && preTokenizer.type === 'Metaspace' && metaspaceOf(preTokenizer).prepend === 'first';
}

/**
 * Spaces as ▁, before the text too, and the pieces that begin with one, as Rust gives them.
 * @param first whether nothing of the whole text is before it
 */
export function metaspacePieces(text: string, { replacement, prepend, split }: Metaspace, first: boolean): string[] {
  let marked = text.replaceAll(' ', replacement);
  const prepends = prepend === 'always' || (prepend === 'first' && first);
  if (prepends && !marked.startsWith(replacement)) marked = replacement + marked;
  if (!split) return [marked];
  const pieces: string[] = [];
  let start = 0;
  for (let at = marked.indexOf(replacement, 1); at >= 0; at = marked.indexOf(replacement, at + 1)) {
    pieces.push(marked.slice(start, at));
    start = at;
  }
  return [...pieces, marked.slice(start)];
}
