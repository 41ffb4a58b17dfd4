import fc from 'fast-check';
import { editDistance, nearest } from '../../src/validation/index.js';

describe('the nearest name', () => {
  test('is the one with the fewest changes of characters', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(nearest('checkpointsEvery', ['steps', 'checkpointEvery', 'keepCheckpoints'])).toBe('checkpointEvery');
    expect(nearest('x', [])).toBeUndefined();
  });

  test('by a distance that is one', () => {
    const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
