import type { SplitMix64 } from './split-mix.js';

const STEPS = 2 ** 52;

/** One number of N(0, 1), by Box and Muller. */
export function normal(random: SplitMix64): number {
  const uniform = () => (random.below(STEPS) + 0.5) / STEPS;
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
