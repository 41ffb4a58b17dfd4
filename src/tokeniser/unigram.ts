import { isObject } from '../validation/index.js';

/** By how much a character that no piece covers is less likely than the least likely piece. */
const UNKNOWN_PENALTY = 10;

/**
 * A score as the Rust tokenizers read it: their reader of JSON divides the digits, rounded to a double, by a power of ten,
 * and so misses the closest double by one unit now and then. It decides between ways that are equally likely.
 */
function scoreInRust(score: number): number {
  const [, digits, exponent] = /^(\d\.?\d*)e([-+]\d+)$/.exec(Math.abs(score).toExponential())!;
  const shift = Number(exponent) - Math.max(digits!.length - 2, 0);
  const whole = Number(digits!.replace('.', ''));
  const size = shift < 0 ? whole / Number(`1e${-shift}`) : whole * Number(`1e${shift}`);
  return score < 0 ? -size : size;
}

/** The likeliest way to a place in the text. */
interface Arrival {
  from: number;
  id: number;
  score: number;
}

/**
 * A Unigram model: a text becomes the pieces whose probabilities have the largest product. Ids are those of the Rust
 * tokenizers: the same order of sums, the first of equal ways, unknown characters side by side as one token, or as their
 * UTF-8 bytes where the model has these.
 */
export class UnigramModel {
  /** The length of the longest piece by its first unit of UTF-16. */
  readonly #longest = new Map<string, number>();
  readonly #ids = new Map<string, number>();
  readonly #scores: Float64Array;
  readonly #unknownId: number | undefined;
  readonly #unknownScore: number;
  readonly #byteFallback: boolean;

  /**
   * @param description of a model of type Unigram in `tokenizer.json`
   * @throws Error for a vocabulary that is none, an id of the unknown token outside it, and a text that needs one
   */
  constructor(description: Record<string, unknown>) {
    const { vocab, unk_id: unknownId, byte_fallback: byteFallback } = description;
    if (!Array.isArray(vocab)) throw new Error('the vocabulary of its Unigram model must be a list of [piece, score]');
    this.#scores = new Float64Array(vocab.length);
    for (const [id, entry] of vocab.entries()) {
      const [piece, score] = Array.isArray(entry) ? entry : [];
      if (typeof piece !== 'string' || !Number.isFinite(score))
        throw new Error(`entry ${id} of the vocabulary of its Unigram model must be [piece, score]`);
      this.#scores[id] = scoreInRust(score as number);
      this.#ids.set(piece, id);
    }
    for (const piece of this.#ids.keys()) {
      const longest = this.#longest.get(piece[0] ?? '') ?? 0;
      if (piece.length > longest) this.#longest.set(piece[0]!, piece.length);
    }
    this.#unknownId = typeof unknownId === 'number' ? unknownId : undefined;
    if (this.#unknownId !== undefined && !(this.#unknownId in vocab))
      throw new Error(`unk_id ${this.#unknownId} of its Unigram model is not in the vocabulary`);
    this.#unknownScore = this.#scores.reduce((least, score) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY;
    this.#byteFallback = byteFallback === true;
  }

  /** Ids of the tokens of a piece of text. */
  encode(text: string): number[] {
    const pieces: string[] = [];
    let unknown = '';
    const take = (piece: string) => {
      if (piece !== '') pieces.push(piece);
    };
    let end = text.length;
    const arrivals = this.#arrivals(text);
    while (end > 0) {
      const { from, id } = arrivals[end]!;
      if (id === this.#unknownId) unknown = text.slice(from, end) + unknown;
      else {
        take(unknown);
        unknown = '';
        take(text.slice(from, end));
      }
      end = from;
    }
    take(unknown);
    return pieces.reverse().flatMap((piece) => this.#ids.get(piece) ?? this.#idsOfUnknown(piece));
  }

  #arrivals(text: string): (Arrival | undefined)[] {
    const arrivals: (Arrival | undefined)[] = new Array(text.length + 1);
    arrivals[0] = { from: 0, id: -1, score: 0 };
    const offer = (end: number, from: number, id: number, score: number) => {
      const best = arrivals[end];
      if (best === undefined || score > best.score) arrivals[end] = { from, id, score };
    };
    for (let from = 0; from < text.length; ) {
      const { score } = arrivals[from]!;
      const width = text.codePointAt(from)! > 0xffff ? 2 : 1;
      let covered = false;
      const last = Math.min(from + (this.#longest.get(text[from]!) ?? 0), text.length);
      for (let end = from + width; end <= last; end++) {
        const id = this.#ids.get(text.slice(from, end));
        if (id === undefined) continue;
        offer(end, from, id, this.#scores[id]! + score);
        covered ||= end === from + width;
      }
      if (!covered) {
        if (this.#unknownId === undefined)
          throw new Error('its Unigram model has no unknown token, which a text needs');
        offer(from + width, from, this.#unknownId, this.#unknownScore + score);
      }
      from += width;
    }
    return arrivals;
  }

  #idsOfUnknown(piece: string): number | number[] {
    if (this.#byteFallback) {
      const ids = Array.from(Buffer.from(piece), (byte) =>
        this.#ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
      );
      if (!ids.includes(undefined)) return ids as number[];
    }
    return this.#unknownId!;
  }
}

export function isUnigram(model: unknown): model is Record<string, unknown> {
  return isObject(model) && model.type === 'Unigram';
}
