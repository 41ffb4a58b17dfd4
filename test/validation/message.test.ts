import { errorMessage } from '../../src/validation/message';

test('an error says what is wrong, what was expected, what it got and what to do', () => {
  const message = errorMessage({
    what: 'run.json: settings.batch',
    problem: 'is not valid',
    expected: 'a whole number from 1',
    got: 'eight',
    advice: 'write a number',
  });
  expect(message).toBe(
    'run.json: settings.batch: is not valid; expected a whole number from 1, got "eight". Write a number',
  );
});

test('what is not known is left out', () => {
  expect(errorMessage({ what: 'a.json', problem: 'is missing' })).toBe('a.json: is missing');
  expect(errorMessage({ what: 'a.json', problem: 'is missing', expected: 'a file' })).toBe(
    'a.json: is missing; expected a file',
  );
  expect(errorMessage({ what: 'a', problem: 'is not valid', got: undefined })).toBe('a: is not valid; got undefined');
});

test('a long value is cut', () => {
  expect(errorMessage({ what: 'name', problem: 'is not valid', got: 'x'.repeat(100_000) }).length).toBeLessThan(300);
});
