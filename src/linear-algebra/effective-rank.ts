/**
 * How many directions a matrix uses: exp of the entropy of its singular values, divided by their sum. From 1 to the
 * rank; 0 for a matrix of zeros. Source: Roy & Vetterli, The effective rank, EUSIPCO 2007.
 */
export function effectiveRank(singularValues: Float64Array): number {
  const sum = singularValues.reduce((total, value) => total + value, 0);
  if (sum === 0) return 0;
  let entropy = 0;
  for (const value of singularValues) {
    const share = value / sum;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return Math.exp(entropy);
}
