import { meanState, nearestCondition, randomCondition, shuffledPrompts } from '../../src/evaluation/controls.js';
import { SplitMix64 } from '../../src/random/split-mix.js';

test('shuffled prompts have the same characters in another order', () => {
  const prompts = ['What do bees collect?', 'naïve 😀 text'];
  const shuffled = shuffledPrompts(prompts, SplitMix64.seeded(1));
  const sorted = (text: string) => Array.from(text.replaceAll(' ', '')).sort();
  expect(shuffled.map(sorted)).toEqual(prompts.map(sorted));
  expect(shuffled).not.toEqual(prompts);
  expect(shuffledPrompts(prompts, SplitMix64.seeded(1))).toEqual(shuffled);
});

test('a random condition has the mean and the deviation of each channel', () => {
  const real = [0, 1].map((condition) =>
    Float32Array.from({ length: 4000 }, (_, index) => (index % 2 === 0 ? 3 : ((index >> 1) % 2) * 2 - 1 + condition)),
  );
  const random = randomCondition(real, 2, SplitMix64.seeded(2));
  expect(random).toHaveLength(4000);
  const second = random.filter((_, index) => index % 2 === 1);
  const mean = second.reduce((sum, value) => sum + value, 0) / second.length;
  const deviation = Math.sqrt(second.reduce((sum, value) => sum + (value - mean) ** 2, 0) / second.length);
  expect(random.filter((_, index) => index % 2 === 0).every((value) => value === 3)).toBe(true);
  expect(mean).toBeCloseTo(0.5, 0);
  expect(Math.abs(deviation - Math.sqrt(1.25))).toBeLessThan(0.1);
});

test('the nearest condition is that with the largest cosine, whatever its length', () => {
  const to = Float32Array.of(1, 1);
  expect(nearestCondition(to, [Float32Array.of(1, 0), Float32Array.of(9, 8), Float32Array.of(-1, -1)])).toBe(1);
});

test('the mean state of a condition leaves padding out', () => {
  expect([...meanState(Float32Array.of(1, 2, 3, 4, 0, 0), 2)]).toEqual([2, 3]);
});
