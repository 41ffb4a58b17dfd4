import { jsonValues, parseLenientJson } from '../../src/prompts/json-values.js';

const CONTEXT = { source: 'a.jsonl', fields: {} };
const valuesIn = (text: string) => [...jsonValues(text, CONTEXT)].flatMap((found) => (found ? [found.value] : []));

afterEach(() => jest.restoreAllMocks());

test.each([
  ['NaN', 'null'],
  ['-Infinity', 'null'],
  ['"NaN \\" Infinity"', '"NaN \\" Infinity"'],
])('%s is %s, and its line is parsed once', (value, expected) => {
  const parse = jest.spyOn(JSON, 'parse');
  const values = valuesIn(`{"prompt":"a","x":${value}}\n`.repeat(100));
  expect(parse).toHaveBeenCalledTimes(100);
  expect(values).toEqual(Array.from({ length: 100 }, () => ({ prompt: 'a', x: JSON.parse(expected) })));
});

test('an error is that of the text, not of its NaN, with its line', () => {
  const text = '[{"x": NaN},\n {"y" 1}]';
  expect(() => parseLenientJson(text, undefined, CONTEXT)).toThrow(/it is not valid JSON: .*line 2 column 7/);
  expect(() => valuesIn('{"x": NaN}\n{"x": NaN, "y" 1}')).toThrow(
    /line 2 is not valid JSON: (?:Unexpected number|Expected ':')/,
  );
});

test('what is no JSON at all is named', () => {
  expect(() => valuesIn('{"x": NaN}\n<!doctype html>\n<p>')).toThrow('line 2 is not valid JSON: it is an HTML page');
});
