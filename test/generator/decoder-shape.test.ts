import { DndError } from '../../src/errors.js';
import {
  checkDecoderShape,
  conditionShape,
  multiplyAdds,
  parameterCount,
  tokenShape,
} from '../../src/generator/decoder-shape.js';

const FEATURES = [
  [4, 10, 16],
  [6, 8, 12],
  [8, 6, 10],
];

function check(changes: Record<string, unknown>) {
  return checkDecoderShape(
    { features: FEATURES, kernelSize: 5, projectedFrom: 0, ...changes },
    'here',
    'INVALID_ARGUMENT',
  );
}

test('the first feature is the condition, before the length projection; the last one the weight tokens', () => {
  expect(conditionShape(check({}))).toEqual([4, 10, 16]);
  expect(conditionShape(check({ projectedFrom: 40 }))).toEqual([4, 40, 16]);
  expect(tokenShape(check({ projectedFrom: 40 }))).toEqual([8, 6, 10]);
});

test('parameters are counted as the reference has them', () => {
  const layer1 = 2 * 10 * 16 + 8 * 12 + 2 * (12 * 16 + 8 * 10) * 25 + 6 * 4 * 25 + 6;
  const layer2 = 2 * 8 * 12 + 6 * 10 + 2 * (10 * 12 + 6 * 8) * 25 + 8 * 6 * 25 + 8;
  const projection = 40 * 10 + 10 + 10 * 10 + 10;
  expect(parameterCount(check({}))).toBe(layer1 + layer2);
  expect(parameterCount(check({ projectedFrom: 40 }))).toBe(layer1 + layer2 + projection);
});

test('a kernel of one does as many multiply-adds as two products in either order and one over the tokens', () => {
  const shape = check({
    features: [
      [2, 3, 5],
      [7, 11, 13],
    ],
    kernelSize: 1,
  });
  const widthFirst = 2 * 3 * 5 * 13 + 2 * 13 * 3 * 11;
  const heightFirst = 2 * 5 * 3 * 11 + 2 * 11 * 5 * 13;
  expect(multiplyAdds(shape)).toBe(widthFirst + heightFirst + 2 * 7 * 11 * 13);
});

test.each([
  ['features must be a list', { features: 'many' }],
  ['at least two shapes', { features: [[1, 2, 3]] }],
  [
    'features[1] must be [tokens, height, width]',
    {
      features: [
        [1, 2, 3],
        [1, 2],
      ],
    },
  ],
  [
    'features[0] must be [tokens, height, width]',
    {
      features: [
        [1, 0, 3],
        [1, 2, 3],
      ],
    },
  ],
  [
    'features[0] must be [tokens, height, width]',
    {
      features: [
        [1, 1.5, 3],
        [1, 2, 3],
      ],
    },
  ],
  [
    'features[1] must be [tokens, height, width]',
    {
      features: [
        [1, 2, 3],
        [1, 2, 1e9],
      ],
    },
  ],
  ['the kernel size must be an odd number', { kernelSize: 4 }],
  ['the kernel size must be an odd number', { kernelSize: -3 }],
  ['the kernel size must be an odd number', { kernelSize: '5' }],
  ['more than features[0][1] = 10', { projectedFrom: 10 }],
  ['more than features[0][1] = 10', { projectedFrom: Number.NaN }],
])('refused: %s', (sentence, changes) => {
  expect(() => check(changes)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(sentence) }),
  );
  expect(() => check(changes)).toThrow(DndError);
});
