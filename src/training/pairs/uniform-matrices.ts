import type { DegenerateWeights } from './types.js';

/** Finds the matrices of a checkpoint whose elements are all the same, while they are read in pieces. */
export class UniformMatrices {
  /** By name: the value of all elements so far; undefined once two differ. */
  readonly #values = new Map<string, number | undefined>();

  /** @param values the next elements of the matrix; at least one */
  add(name: string, values: Float32Array): void {
    if (this.#values.has(name) && this.#values.get(name) === undefined) return;
    const first = this.#values.get(name) ?? values[0]!;
    this.#values.set(name, values.every((value) => value === first) ? first : undefined);
  }

  /** Of all matrices added, by PEFT's names. */
  result(): DegenerateWeights {
    const modules = new Set<string>();
    const idle = new Set<string>();
    let constantMatrices = 0;
    for (const [name, value] of this.#values) {
      const module = name.replace(/\.lora_[AB]\.weight$/, '');
      modules.add(module);
      if (value === 0) idle.add(module);
      else if (value !== undefined) constantMatrices++;
    }
    return { modules: modules.size, idleModules: idle.size, constantMatrices };
  }
}
