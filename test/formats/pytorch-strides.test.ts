import fc from 'fast-check';
import {
  elementsOf,
  gather,
  isContiguous,
  repeatsElements,
  spanOf,
  type View,
} from '../../src/formats/pytorch/strides.js';

/** Positions in the storage of a view's elements, in row-major order: the definition. */
function positions({ offset, shape, strides }: View): number[] {
  return shape.reduce<number[]>(
    (found, size, axis) =>
      found.flatMap((at) => Array.from({ length: size }, (_, index) => at + index * strides[axis]!)),
    [offset],
  );
}

const views = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 40 })), { maxLength: 4 })
  .chain((axes) => fc.record({ axes: fc.constant(axes), offset: fc.integer({ min: 0, max: 9 }) }))
  .map(({ axes, offset }) => ({
    offset,
    shape: axes.map(([size]) => size),
    strides: axes.map(([, stride]) => stride),
  }));

test('any view of any element size is brought into row-major order, through a window of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      views,
      fc.constantFrom(1, 2, 4, 8),
      fc.integer({ min: 1, max: 30 }),
      async (view, bytes, window) => {
        const expected = positions(view);
        const storage = elementsOf(
          Uint8Array.from({ length: bytes * 800 }, (_, index) => (index * 131) >> 3),
          bytes,
        );
        const out = elementsOf(new Uint8Array(bytes * expected.length), bytes);
        const load = async (start: number) => storage.slice(start, start + window) as typeof storage;
        await gather({ view, out, load, pause: async () => {} });
        expect([...out]).toEqual(expected.map((at) => storage[at]));
      },
    ),
    { numRuns: 500 },
  );
});

test('what is said of views is true of their elements', () => {
  fc.assert(
    fc.property(views, (view) => {
      const found = positions(view);
      const inOrder = found.every((at, index) => at === view.offset + index);
      expect(isContiguous(view)).toBe(inOrder);
      // Interleaved views are taken for repeating ones; those that repeat are always found.
      if (new Set(found).size < found.length) expect(repeatsElements(view)).toBe(true);
      expect(spanOf(view)).toBe(found.length === 0 ? 0 : Math.max(...found) - view.offset + 1);
    }),
    { numRuns: 1000 },
  );
});
