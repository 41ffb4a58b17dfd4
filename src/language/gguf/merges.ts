import { eventLoopYielder } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { quote } from '../../validation/index.js';
import { TOKEN_TYPES, type Vocabulary } from './vocabulary.js';

/** Far above any real one (Llama's longest are 16); the search below takes its square. */
const LONGEST_TOKEN = 256;

interface Merge {
  parts: [string, string];
  score: number;
  lengths: [number, number];
}

/**
 * The merges of BPE that do what SentencePiece does with scores: of two neighbours that together are a token, those with
 * the best one are joined first. In the order in which transformers puts them (`generate_merges`), on which the result
 * depends where scores are equal.
 * @param scores one for each token
 * @throws DndError CORRUPT_FILE for a token that is too long
 */
export async function mergesOfScores(
  { tokens, types, path }: Vocabulary,
  scores: readonly number[],
): Promise<[string, string][]> {
  const ids = new Map<string, number>();
  for (const [id, token] of tokens.entries()) if (types[id] === TOKEN_TYPES.normal) ids.set(token, id);
  const yieldToEventLoop = eventLoopYielder();
  const merges: Merge[] = [];
  for (const [token, id] of ids) {
    const characters = Array.from(token);
    if (characters.length > LONGEST_TOKEN)
      throw new DndError(
        'CORRUPT_FILE',
        `${path}: token ${id}, ${quote(token)}, has ${characters.length} characters; at most ${LONGEST_TOKEN} are supported`,
      );
    const own: Merge[] = [];
    let at = 0;
    for (let cut = 1; cut < characters.length; cut++) {
      at += characters[cut - 1]!.length;
      const parts: [string, string] = [token.slice(0, at), token.slice(at)];
      if (ids.has(parts[0]) && ids.has(parts[1]))
        own.push({ parts, score: scores[id]!, lengths: [cut, characters.length - cut] });
    }
    own.sort(({ parts: [a, b] }, { parts: [c, d] }) => ids.get(a)! - ids.get(c)! || ids.get(b)! - ids.get(d)!);
    merges.push(...own);
    await yieldToEventLoop();
  }
  merges.sort(
    (one, other) => other.score - one.score || other.lengths[0] - one.lengths[0] || other.lengths[1] - one.lengths[1],
  );
  return merges.map(({ parts }) => parts);
}

/**
 * The merges that a file lists, as `left right`. Those whose parts are no tokens never apply, and are left out.
 * @throws DndError CORRUPT_FILE
 */
export function listedMerges({ tokens, path }: Vocabulary, list: readonly string[]): [string, string][] {
  const known = new Set(tokens);
  const merges: [string, string][] = [];
  for (const [index, line] of list.entries()) {
    // From the second character on, since a part may be a space.
    const space = line.indexOf(' ', 1);
    if (space < 0 || space === line.length - 1)
      throw new DndError(
        'CORRUPT_FILE',
        `${path}: tokenizer.ggml.merges[${index}] is not valid; expected two tokens with a space between, got ${quote(line)}`,
      );
    const left = line.slice(0, space);
    const right = line.slice(space + 1);
    if (known.has(left) && known.has(right) && known.has(left + right)) merges.push([left, right]);
  }
  return merges;
}
