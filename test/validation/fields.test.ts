import { Fields } from '../../src/validation/index.js';

const fields = new Fields(
  { rank: 8, alpha: 0.5, name: 'a', flag: false, list: [1, 2], names: ['x'], none: null, inner: { depth: 'deep' } },
  'f.json',
);

test('fields that are what they should be are read', () => {
  expect(fields.wholeNumber('rank', 8, 8)).toBe(8);
  expect(fields.positiveNumber('alpha')).toBe(0.5);
  expect(fields.number('alpha')).toBe(0.5);
  expect(fields.numbers('list')).toEqual([1, 2]);
  expect(fields.wholeNumbers('list', 1)).toEqual([1, 2]);
  expect(fields.text('name')).toBe('a');
  expect(fields.textOrNull('none')).toBeNull();
  expect(fields.textOrNull('absent')).toBeNull();
  expect(fields.texts('names')).toEqual(['x']);
  expect(fields.boolean('flag')).toBe(false);
  expect(fields.oneOf('name', ['a', 'b'])).toBe('a');
  expect(fields.section('inner').text('depth')).toBe('deep');
});

test.each<[string, () => unknown, string]>([
  ['too small', () => fields.wholeNumber('rank', 9), 'rank: is not valid; expected a whole number from 9, got 8'],
  ['too large', () => fields.wholeNumber('rank', 1, 7), 'expected a whole number from 1 to 7, got 8'],
  ['no whole number', () => fields.wholeNumber('alpha', 0), 'expected a whole number from 0, got 0.5'],
  ['no number', () => fields.number('name'), 'expected a number, got "a"'],
  ['no text', () => fields.text('rank'), 'expected a text, got 8'],
  ['no list of texts', () => fields.texts('list'), 'expected a list of texts, got [1,2]'],
  ['none of the choices', () => fields.oneOf('name', ['b', 'c']), 'expected one of "b", "c", got "a"'],
  ['missing', () => fields.boolean('absent'), 'f.json: absent: is missing; expected true or false'],
  ['no object', () => fields.section('list'), 'f.json: list: is not valid; expected a JSON object, got [1,2]'],
  ['inside a section', () => fields.section('inner').number('depth'), 'f.json: inner.depth: is not valid'],
  ['from the prototype', () => fields.text('toString'), 'toString: is missing'],
])('a field that is %s is refused by name', (_what, read, message) => {
  expect(read).toThrow(expect.objectContaining({ code: 'CORRUPT_FILE', message: expect.stringContaining(message) }));
});

test('what is refused has the code that the reader asks for, in sections, too', () => {
  const pairs = new Fields({ inner: {} }, 'pairs.json', '', 'INVALID_PAIRS');
  expect(() => pairs.section('inner').text('a')).toThrow(expect.objectContaining({ code: 'INVALID_PAIRS' }));
  expect(() => new Fields([], 'pairs.json', '', 'INVALID_PAIRS')).toThrow(
    expect.objectContaining({
      code: 'INVALID_PAIRS',
      message: 'pairs.json: is not valid; expected a JSON object, got []',
    }),
  );
});

test('a field that is not known is refused with the nearest one, where others are refused', () => {
  expect(() => fields.section('inner').refuseOthers(['depths', 'height'])).toThrow(
    'f.json: there is no field "inner.depth"; did you mean "inner.depths"?',
  );
  expect(() => fields.section('inner').refuseOthers(['depth'])).not.toThrow();
});

test('where there are defaults, they stand for what is missing or null', () => {
  const read = Fields.withDefaults({ r: null, alpha: 3 }, 'f.json', { r: 8, alpha: 16, bias: 'none' });
  expect(read.all).toEqual({ r: 8, alpha: 3, bias: 'none' });
  expect(() => Fields.withDefaults(null, 'f.json', {})).toThrow(
    'f.json: is not valid; expected a JSON object, got null',
  );
});

test('a value of 100 kB is not printed whole', () => {
  const long = new Fields({ name: 'x'.repeat(100_000) }, 'f.json');
  expect(() => long.number('name')).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{0,300}$/) }));
});
