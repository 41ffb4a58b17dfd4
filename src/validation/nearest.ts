/** Minimum length of a word to match as a part of a longer name. */
const LETTERS_OF_A_PART = 3;

/** The candidate with the smallest edit distance to `word`; one that contains the word counts as distance 1. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: { candidate: string; changes: number } | undefined;
  for (const candidate of candidates) {
    const changes = changesTo(candidate.toLowerCase(), word.toLowerCase());
    if (!best || changes < best.changes) best = { candidate, changes };
  }
  return best?.candidate;
}

function changesTo(candidate: string, word: string): number {
  const distance = editDistance(word, candidate);
  const isPart = word.length >= LETTERS_OF_A_PART && candidate.includes(word);
  // Of several names that contain the word, the shortest.
  return isPart ? Math.min(distance, 1 + distance / 1000) : distance;
}

/** Levenshtein's distance, row by row. */
export function editDistance(one: string, other: string): number {
  let before = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const replaced = before[column - 1]! + (one[row - 1] === other[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, before[column]! + 1, current[column - 1]! + 1));
    }
    before = current;
  }
  return before[other.length]!;
}
