import { checkOptions, checkWholeNumber } from '../../src/validation/options';

const WRONG = (message: string) =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) });

test('options are any object, with a signal and callbacks or without', () => {
  const options = { signal: new AbortController().signal, onProgress: () => {}, other: 1n };
  expect(checkOptions(options, 'options')).toBe(options);
  expect(checkOptions({ signal: undefined, onProgress: undefined }, 'options')).toBeDefined();
});

test.each([[null], [7], ['text'], [[]], [() => {}]])('%p is not an object of options', (options) => {
  expect(() => checkOptions(options as object, 'options of load')).toThrow(
    WRONG('options of load: is not valid; expected an object, or nothing'),
  );
});

test.each([[{}], [true], ['signal'], [new AbortController()], [{ aborted: false }]])('%p is not a signal', (signal) => {
  expect(() => checkOptions({ signal }, 'options of load')).toThrow(WRONG('signal in the options of load'));
});

test.each(['onProgress', 'onNotice', 'onEvaluation', 'onCheckpoint'])('%s must be a function', (name) => {
  expect(() => checkOptions({ [name]: 'log' }, 'options of run')).toThrow(WRONG(`${name} in the options of run`));
});

test('a whole number is in its range, or left out', () => {
  for (const value of [undefined, 1, 8]) expect(() => checkWholeNumber(value, 'batch', 1, 8)).not.toThrow();
  for (const value of [0, 9, 1.5, '1', 1n, Number.NaN, null, {}])
    expect(() => checkWholeNumber(value, 'batch', 1, 8)).toThrow(
      WRONG('batch: is not valid; expected a whole number from 1 to 8'),
    );
});
