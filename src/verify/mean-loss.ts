import type { TaskSums } from '../engine/index.js';

/** Mean over the valid elements of importance · (y − target)². */
export function meanLoss(sums: readonly TaskSums[]): number {
  const total = (of: 'weightedSquares' | 'valid') => sums.reduce((sum, task) => sum + task[of], 0);
  return total('weightedSquares') / total('valid');
}
