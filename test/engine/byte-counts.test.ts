import { formatBytes, parseBytes } from '../../src/engine/index.js';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.00 kB'],
  [999_499, '999 kB'],
  [999_500, '1.00 MB'],
  [4_452_812_880, '4.45 GB'],
  [3e15, '3.00e+3 TB'],
])('formatBytes(%p) is %p', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test.each([
  ['1073741824', 2 ** 30],
  ['4GB', 4e9],
  ['1.5 GiB', 1.5 * 2 ** 30],
  ['512mib', 2 ** 29],
  ['1.5', 1],
  ['0', undefined],
  ['0.5', undefined],
  ['-1', undefined],
  ['4 Gb/s', undefined],
  ['99999999TB', undefined],
  ['', undefined],
])('parseBytes(%p) is %p', (text, bytes) => expect(parseBytes(text)).toBe(bytes));
