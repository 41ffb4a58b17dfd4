import { duration } from '../../src/cli/train-view.js';

test.each([
  [0.2, '0 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [245, '4 min 05 s'],
  [3599, '59 min 59 s'],
  [7625, '2 h 07 min'],
  [102_600, '28 h 30 min'],
  [274_000, '3 d 4 h'],
])('%d seconds are told as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});
