import { elementCount } from '../dtypes.js';

/** A view of a storage, in elements. */
export interface View {
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
}

/** One axis of a view, and how far apart its elements are in the result. */
interface Axis {
  size: number;
  stride: number;
  outStride: number;
}

/** Elements copied between two looks at the clock. */
const STEP_ELEMENTS = 2 ** 17;

/** The axes that matter, as they follow one another in the storage: outermost first. */
function axesOf({ shape, strides }: View): Axis[] {
  const axes: Axis[] = [];
  let outStride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1) axes.push({ size: shape[axis]!, stride: strides[axis]!, outStride });
    outStride *= shape[axis]!;
  }
  return axes.sort((a, b) => b.stride - a.stride || b.outStride - a.outStride);
}

/** Whether the elements are one after another, in row-major order. */
export function isContiguous(view: View): boolean {
  if (view.shape.includes(0)) return true;
  return axesOf(view).every(({ stride, outStride }) => stride === outStride);
}

/** Whether an element of the storage is in the view more than once: it was expanded, or its windows overlap. */
export function repeatsElements(view: View): boolean {
  if (view.shape.includes(0)) return false;
  let span = 1;
  for (const { size, stride } of axesOf(view).reverse()) {
    if (stride < span) return true;
    span += (size - 1) * stride;
  }
  return false;
}

/** Elements from the first to the last one of the view, as they are in the storage. */
export function spanOf({ shape, strides }: View): number {
  if (elementCount(shape) === 0) return 0;
  return shape.reduce((span, size, axis) => span + (size - 1) * strides[axis]!, 1);
}

export type Elements =
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>;

/** Bytes as elements of a size, whatever they mean. */
export function elementsOf(bytes: Uint8Array<ArrayBuffer>, elementBytes: number): Elements {
  const { buffer, byteOffset, byteLength } = bytes;
  const count = byteLength / elementBytes;
  if (elementBytes === 1) return bytes;
  if (elementBytes === 2) return new Uint16Array(buffer, byteOffset, count);
  if (elementBytes === 4) return new Uint32Array(buffer, byteOffset, count);
  return new BigUint64Array(buffer, byteOffset, count);
}

interface Gathering {
  view: View;
  /** Receives the elements in row-major order. */
  out: Elements;
  /** A window of the storage: the elements from `start` on, as many as are to be in memory at once. */
  load: (start: number) => Promise<Elements>;
  /** Called every so often. */
  pause: () => Promise<void>;
}

/**
 * Brings the elements of any view into row-major order. They are taken in the order of the storage, through a window,
 * so that a view of any size needs no more memory than its result and the window.
 */
export async function gather({ view, out, load, pause }: Gathering): Promise<void> {
  if (out.length === 0) return;
  const axes = axesOf(view);
  const inner = axes.pop() ?? { size: 1, stride: 1, outStride: 1 };
  const counters = axes.map(() => 0);
  let window: Elements | undefined;
  let windowStart = 0;
  let copied = 0;
  let from = view.offset;
  let to = 0;
  for (;;) {
    for (let index = 0; index < inner.size; ) {
      const start = from + index * inner.stride;
      if (!window || start < windowStart || start >= windowStart + window.length) {
        window = await load(start);
        windowStart = start;
      }
      const left = windowStart + window.length - start;
      const fitting = inner.stride === 0 ? inner.size : Math.ceil(left / inner.stride);
      const count = Math.min(inner.size - index, fitting);
      copyStrided(window, start - windowStart, inner.stride, out, to + index * inner.outStride, inner.outStride, count);
      index += count;
      copied += count;
    }
    if (copied >= STEP_ELEMENTS) {
      copied = 0;
      await pause();
    }
    let axis = axes.length - 1;
    for (; axis >= 0; axis--) {
      const { size, stride, outStride } = axes[axis]!;
      from += stride;
      to += outStride;
      if (++counters[axis]! < size) break;
      counters[axis] = 0;
      from -= size * stride;
      to -= size * outStride;
    }
    if (axis < 0) return;
  }
}

function copyStrided(
  source: Elements,
  from: number,
  stride: number,
  target: Elements,
  to: number,
  outStride: number,
  count: number,
): void {
  for (let index = 0; index < count; index++) target[to + index * outStride] = source[from + index * stride]!;
}
