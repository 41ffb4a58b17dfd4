import { SplitMix64 } from '../random/split-mix.js';

const { imul, floor } = Math;

/**
 * White space as defined by Unicode and Python. JavaScript's \s lacks U+001C–U+001F and U+0085 and has U+FEFF; with the
 * list written out, words are the same on every platform.
 */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Maximum run of letters or white space matched at once: less than a millisecond. */
const RUN = 4096;

/**
 * The words of a text: runs of ASCII letters, and single characters other than white space. An empty string between
 * them is not a word but a point at which to yield to the event loop.
 */
export function* words(text: string): Generator<string, void, void> {
  let [start, end] = [0, 0];
  const runs = new RegExp(`(?<letters>[A-Za-z]{1,${RUN}})|(?<space>[${SPACE}]{1,${RUN}})|.`, 'gsu');
  for (const { 0: run, index, groups } of text.matchAll(runs)) {
    // A word longer than one match continues in the next one.
    const continues = start < end && groups!.letters !== undefined && index === end;
    if (start < end && !continues) yield text.slice(start, end);
    if (!continues) start = index;
    end = groups!.letters === undefined ? start : index + run.length;
    if (run.length === RUN) yield '';
    else if (start === end && groups!.space === undefined) yield run;
  }
  if (start < end) yield text.slice(start, end);
}

/**
 * The features of a word: x = "^word$", then all 2-grams and 3-grams of x, counted in code points and repeated where
 * they occur more than once. A lone surrogate counts as U+FFFD, as in UTF-8.
 */
export function* features(word: string): Generator<Uint8Array, void, void> {
  const bytes = Buffer.from(`^${word}$`);
  yield bytes;
  const ends = codePointEnds(bytes);
  for (const size of [2, 3]) {
    for (let last = size - 1; last < ends.length; last++) {
      yield bytes.subarray(last < size ? 0 : ends[last - size], ends[last]);
    }
  }
}

/** Where each code point of UTF-8 text ends: before the next byte that does not continue one. */
function codePointEnds(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let end = 1; end <= bytes.length; end++) {
    if (end === bytes.length || (bytes[end]! & 0xc0) !== 0x80) ends.push(end);
  }
  return ends;
}

/**
 * Adds a feature's vector to `sum`: +1 or −1 in channel c by bit c, the least significant first, of the SplitMix64
 * stream whose state starts at the FNV-1a hash (64 bits) of the feature's UTF-8 bytes.
 */
export function addFeature(feature: Uint8Array, sum: Int32Array): void {
  const random = fnv1a(feature);
  for (let start = 0; start < sum.length; start += 64) {
    random.step();
    addSigns(random.low, sum, start);
    addSigns(random.high, sum, start + 32);
  }
}

function addSigns(bits: number, sum: Int32Array, start: number): void {
  const end = Math.min(start + 32, sum.length);
  for (let channel = start; channel < end; channel++) {
    sum[channel]! += ((bits & 1) << 1) - 1;
    bits >>>= 1;
  }
}

/** A generator whose state is the 64-bit FNV-1a hash of `bytes` (Fowler, Noll, Vo; offset basis and prime as published). */
function fnv1a(bytes: Uint8Array): SplitMix64 {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (const byte of bytes) {
    low = (low ^ byte) >>> 0;
    // Times 2⁴⁰ + 0x1b3: the first term only reaches the high half; the second one fits a double exactly.
    const product = low * 0x1b3;
    high = (imul(high, 0x1b3) + floor(product / 2 ** 32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return new SplitMix64(high, low);
}
