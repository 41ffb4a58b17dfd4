/** Summary statistics. Mean, standard deviation and norm are over the finite values. */
export interface Statistics {
  /** Number of values. */
  count: number;
  /** Arithmetic mean; 0 without finite values. */
  mean: number;
  /** Population standard deviation. */
  std: number;
  /** Smallest finite value; null without any. */
  min: number | null;
  /** Largest finite value; null without any. */
  max: number | null;
  /** Euclidean norm. */
  norm: number;
  /** Number of NaN values. */
  nan: number;
  /** Number of infinite values. */
  infinite: number;
}

/** Collects Statistics over any number of arrays, in double precision. */
export class StatisticsCollector {
  #finite = 0;
  #sum = 0;
  #squares = 0;
  #min = Infinity;
  #max = -Infinity;
  #nan = 0;
  #infinite = 0;

  add(values: Float32Array): void {
    let sum = 0;
    let squares = 0;
    let min = this.#min;
    let max = this.#max;
    let left = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!;
      // Infinity − Infinity and NaN − NaN are both NaN, so one test detects all non-finite values.
      if (value - value !== 0) {
        left++;
        if (Number.isNaN(value)) this.#nan++;
        else this.#infinite++;
        continue;
      }
      sum += value;
      squares += value * value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    this.#finite += values.length - left;
    this.#sum += sum;
    this.#squares += squares;
    this.#min = min;
    this.#max = max;
  }

  result(): Statistics {
    const count = this.#finite + this.#nan + this.#infinite;
    const divisor = Math.max(this.#finite, 1);
    const mean = this.#sum / divisor;
    return {
      count,
      mean,
      std: Math.sqrt(Math.max(this.#squares / divisor - mean * mean, 0)),
      min: this.#finite ? this.#min : null,
      max: this.#finite ? this.#max : null,
      norm: Math.sqrt(this.#squares),
      nan: this.#nan,
      infinite: this.#infinite,
    };
  }
}
