/**
 * Compares names so that numbers in them count as numbers: step-9 comes before step-10. A total order: only identical
 * names are equal.
 */
export function compareNaturally(one: string, other: string): number {
  const ours = one.match(/\d+|\D+/g) ?? [];
  const theirs = other.match(/\d+|\D+/g) ?? [];
  for (let i = 0; i < Math.min(ours.length, theirs.length); i++) {
    const order = comparePieces(ours[i]!, theirs[i]!);
    if (order !== 0) return order;
  }
  return ours.length - theirs.length || compareTexts(one, other);
}

function comparePieces(one: string, other: string): number {
  const numbers = [one, other].map((piece) => /^\d/.test(piece));
  if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
  if (!numbers[0]) return compareTexts(one, other);
  // Numbers of any length: without leading zeros, more digits are larger.
  const [ours, theirs] = [one.replace(/^0+/, ''), other.replace(/^0+/, '')];
  return ours.length - theirs.length || compareTexts(ours, theirs);
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
