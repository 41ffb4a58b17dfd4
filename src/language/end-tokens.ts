import { DndError } from '../errors.js';
import { isObject, isWholeNumber, quoteValue } from '../validation/index.js';
import type { LanguageTokeniser } from './tokeniser.js';

/** The tokens that end a response. */
export interface EndTokens {
  /** Any of them ends generation. Empty: only the limit of new tokens does. */
  ids: number[];
  /** The one that ends the responses of training examples; undefined where the model has none. */
  trained: number | undefined;
}

/**
 * generation_config.json names the tokens at which generation ends, or else config.json; the tokeniser's `eos_token` is
 * always one, and ends the responses that a model is trained on.
 * @param configured `eos_token_id` of config.json
 * @throws DndError CORRUPT_FILE
 */
export function findEndTokens(
  { generationConfig, folder }: { generationConfig: unknown; folder: string },
  configured: readonly number[],
  tokeniser: Pick<LanguageTokeniser, 'specialTokens' | 'idOf' | 'vocabSize'>,
): EndTokens {
  const { vocabSize, specialTokens } = tokeniser;
  const named =
    idsIn(generationConfig, `${folder}/generation_config.json`, vocabSize) ?? configured.filter((id) => id < vocabSize);
  const own = specialTokens.eos_token === undefined ? undefined : tokeniser.idOf(specialTokens.eos_token);
  const usable = own !== undefined && own < vocabSize ? own : undefined;
  const ids = new Set(usable === undefined ? named : [...named, usable]);
  return { ids: [...ids].sort((one, other) => one - other), trained: usable ?? named[0] };
}

function idsIn(file: unknown, source: string, vocabSize: number): number[] | undefined {
  const { eos_token_id: stored } = (isObject(file) ? file : {}) as { eos_token_id?: unknown };
  if (stored === undefined || stored === null) return undefined;
  const ids = Array.isArray(stored) ? stored : [stored];
  const wrong = ids.find((id) => !isWholeNumber(id, 0, vocabSize - 1));
  if (wrong === undefined) return ids;
  throw new DndError(
    'CORRUPT_FILE',
    `${source}: eos_token_id is not valid; expected whole numbers from 0 to ${vocabSize - 1}, got ${quoteValue(wrong)}`,
  );
}
