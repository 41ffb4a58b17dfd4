import { DndError } from '../errors.js';

/** Of the trie and of the texts together; real ones have about 300 KB. */
const MOST_BYTES = 2 ** 26;
const UNIT_BYTES = 4;
/** The longest of real ones, U+FDFA, has 33. Every character of a prompt may have one. */
const LONGEST_REPLACEMENT_BYTES = 256;
/** Longer clusters are replaced character by character. */
const LONGEST_CLUSTER_BYTES = 5;

/** Fields of a unit of Darts' double-array trie. */
const hasLeaf = (unit: number) => ((unit >>> 8) & 1) === 1;
const valueIn = (unit: number) => unit & 0x7fffffff;
const labelIn = (unit: number) => unit & 0x800000ff;
const offsetIn = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);

/**
 * SentencePiece's normalisation, as the Rust tokenizers apply it: replacements for characters and short grapheme clusters,
 * from a trie of their UTF-8 bytes. (@huggingface/tokenizers applies NFKC and a few rules in its place.)
 */
export class PrecompiledCharsmap {
  readonly #trie: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });
  readonly #refuse: (what: string) => DndError;
  /** Printable ASCII needs no replacement. */
  readonly #keepsAscii: boolean;

  /**
   * @param base64 `precompiled_charsmap` of `tokenizer.json`
   * @param source the file, for error messages
   * @throws DndError CORRUPT_FILE
   */
  constructor(base64: string, source: string) {
    const refuse = (what: string) => new DndError('CORRUPT_FILE', `${source}: precompiled_charsmap ${what}`);
    this.#refuse = refuse;
    const size = Buffer.byteLength(base64, 'base64');
    if (size > MOST_BYTES) throw refuse(`has ${size} bytes; expected at most ${MOST_BYTES}`);
    const bytes = Buffer.from(base64, 'base64');
    const trieBytes = bytes.length < UNIT_BYTES ? -1 : bytes.readUInt32LE(0);
    if (trieBytes < UNIT_BYTES || trieBytes % UNIT_BYTES !== 0 || trieBytes > bytes.length - UNIT_BYTES) {
      throw refuse(`is not valid; expected the size of its trie within its ${bytes.length} bytes, got ${trieBytes}`);
    }
    this.#trie = Uint32Array.from({ length: trieBytes / UNIT_BYTES }, (_, unit) =>
      bytes.readUInt32LE(UNIT_BYTES * (unit + 1)),
    );
    this.#texts = bytes.subarray(UNIT_BYTES + trieBytes);
    const printable = Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i));
    this.#keepsAscii = printable.every(
      (character) => (this.#replacementOf(Buffer.from(character)) ?? character) === character,
    );
  }

  normalise(text: string): string {
    if (this.#keepsAscii && /^[ -~]*$/.test(text)) return text;
    let result = '';
    for (const { segment } of this.#segmenter.segment(text)) {
      const bytes = Buffer.from(segment);
      const whole = bytes.length <= LONGEST_CLUSTER_BYTES ? this.#replacementOf(bytes) : undefined;
      if (whole !== undefined) result += whole;
      else for (const character of segment) result += this.#replacementOf(Buffer.from(character)) ?? character;
    }
    return result;
  }

  /** That of the shortest beginning that has one, for the whole of it, as in Rust. */
  #replacementOf(bytes: Uint8Array): string | undefined {
    let node = offsetIn(this.#trie[0]!);
    for (const byte of bytes) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = this.#trie[node];
      if (unit === undefined || labelIn(unit) !== byte) return undefined;
      node ^= offsetIn(unit);
      if (hasLeaf(unit)) return this.#textAt(valueIn(this.#trie[node] ?? 0));
    }
    return undefined;
  }

  /** Up to the next zero. @throws DndError CORRUPT_FILE */
  #textAt(begin: number): string {
    const texts = this.#texts.subarray(begin, begin + LONGEST_REPLACEMENT_BYTES + 1);
    const zero = texts.indexOf(0);
    const length = zero < 0 ? texts.length : zero;
    if (length > LONGEST_REPLACEMENT_BYTES)
      throw this.#refuse(`has a replacement of more than ${LONGEST_REPLACEMENT_BYTES} bytes, at ${begin} of its texts`);
    return Buffer.from(texts.subarray(0, length)).toString('utf8');
  }
}
