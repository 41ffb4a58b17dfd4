import { DndError } from '../errors.js';
import type { LanguageModel } from '../language/index.js';
import { quote } from '../validation/index.js';

/** Names in one message. */
const MOST_NAMED = 5;

/**
 * The pocket model knows its own words only, and would answer anything else at random.
 * @param source of the prompts, for messages
 * @throws DndError INVALID_PROMPTS that names the prompt and its unknown words
 */
export function requireKnownWords({ tokeniser }: LanguageModel, prompts: readonly string[], source: string): void {
  const unknown = tokeniser.idOf(tokeniser.specialTokens.unk_token ?? '');
  const isUnknown = (word: string) => tokeniser.encode(word).some((id) => id === unknown);
  for (const [index, prompt] of prompts.entries()) {
    const words = [...new Set(prompt.match(/[A-Za-z]+|[^A-Za-z\s]+/g) ?? [])].filter(isUnknown);
    if (words.length === 0) continue;
    const named = words.slice(0, MOST_NAMED).map(quote).join(', ') + (words.length > MOST_NAMED ? ', …' : '');
    throw new DndError(
      'INVALID_PROMPTS',
      `prompt ${index + 1} of ${source} is not in the pocket language; expected its words, got ${named}. Lines of pocket/tasks show the language, docs/pocket.md lists its words`,
    );
  }
}
