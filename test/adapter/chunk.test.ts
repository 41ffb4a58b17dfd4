import fc from 'fast-check';
import { AdapterLayout } from '../../src/adapter/index.js';
import { base } from './bases.js';

const chunkOf = (name: string) => new AdapterLayout({ base: base(name), rank: 8 }).chunk;
const { defaultChunk } = AdapterLayout;

test('the published bases get their published chunks', () => {
  expect(['qwen2.5-0.5b', 'qwen2.5-1.5b', 'qwen2.5-7b', 'qwen2.5-vl-3b'].map(chunkOf)).toEqual([128, 256, 512, 256]);
  expect(chunkOf('smollm2-135m')).toBe(192);
});

test('a divisor of all widths is taken where there is one from 64 to 512, the largest', () => {
  expect(defaultChunk([1024, 2048])).toBe(512);
  expect(defaultChunk([65, 130])).toBe(65);
  expect(defaultChunk([514, 1028])).toBe(257);
});

test('without such a divisor the multiple of 32 that pads least is taken, the larger on a tie', () => {
  // 97: 64 → 31 wasted of 128, 96 → 95, 128 → 31. 64 and 128 tie.
  expect(defaultChunk([97, 98])).toBe(128);
  expect(defaultChunk([521])).toBe(288);
});

test('how often a width occurs counts', () => {
  expect(defaultChunk([65, 97])).toBe(128);
  expect(defaultChunk([65, 97, 65, 65, 65, 65])).toBe(96);
});

test('widths all below 64 make one chunk of the widest, rounded up to even', () => {
  expect(defaultChunk([20, 33])).toBe(34);
  expect(defaultChunk([63])).toBe(64);
  expect(defaultChunk([1])).toBe(2);
});

test('whatever the widths, the chunk keeps to its bounds, and divides or pads less than any other', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20000 }), { minLength: 1, maxLength: 14 }), (widths) => {
      const chunk = defaultChunk(widths);
      const widest = Math.max(...widths);
      if (widest < 64) return expect(chunk).toBe(widest + (widest % 2));
      expect(chunk).toBeGreaterThanOrEqual(64);
      expect(chunk).toBeLessThanOrEqual(512);
      const padding = (size: number) => widths.reduce((sum, width) => sum + ((size - (width % size)) % size), 0);
      if (padding(chunk) === 0) return;
      expect(chunk % 32).toBe(0);
      for (let other = 64; other <= 512; other += 32) expect(padding(chunk)).toBeLessThanOrEqual(padding(other));
    }),
    { seed: 5 },
  );
});
