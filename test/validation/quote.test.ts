import { quote, quoteValue } from '../../src/validation/quote';

test('a text is quoted, with its quotation marks and control characters escaped', () => {
  expect(quote('a "b"\n')).toBe('"a \\"b\\"\\n"');
  expect(quote('\u001b[31m \u009b \u2028 \u202e')).toBe('"\\u001b[31m \\u009b \\u2028 \\u202e"');
});

test('letters of any script and emoji stay as they are', () => {
  expect(quote('größe 東京 👩‍👧')).toBe('"größe 東京 👩‍👧"');
});

test('a long text is cut, and the cut is shown', () => {
  const shown = quote('x'.repeat(100_000));
  expect(shown).toBe(`"${'x'.repeat(200)}…"`);
});

test('a long list is cut, and the cut is shown', () => {
  const shown = quoteValue(Array.from({ length: 100_000 }, (_, index) => index));
  expect(shown).toMatch(/^\[0,1,2,.*…$/);
  expect(shown).toHaveLength(201);
});

test.each([
  ['text', '"text"'],
  [1.5, '1.5'],
  [true, 'true'],
  [null, 'null'],
  [[1, 'a'], '[1,"a"]'],
  [{ a: 1 }, '{"a":1}'],
])('%p, which JSON knows, is shown as JSON', (value, shown) => {
  expect(quoteValue(value)).toBe(shown);
});

test.each([
  [undefined, 'undefined'],
  [Number.NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  [10n, '10n'],
  [Symbol('s'), 'Symbol(s)'],
])('%p, which JSON does not know, is shown as in code', (value, shown) => {
  expect(quoteValue(value)).toBe(shown);
});

test('a function, a BigInt in a list and a circle are shown without failing', () => {
  const circle: unknown[] = [];
  circle.push(circle);
  expect(quoteValue(function named() {})).toBe('[Function: named]');
  expect(quoteValue([1n])).toBe('[ 1n ]');
  expect(quoteValue(circle)).toContain('Circular');
});
