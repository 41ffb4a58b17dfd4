import type { DegenerateWeights } from './types.js';

/** Finds the matrices of a checkpoint whose elements are all the same, while they are read in pieces. */
export class UniformMatrices {
  /** By name: the value of all elements so far, undefined once two differ, and how many there are. */
  readonly #matrices = new Map<string, { value: number | undefined; elements: number }>();

  /** @param values the next elements of the matrix; at least one */
  add(name: string, values: Float32Array): void {
    const known = this.#matrices.get(name) ?? { value: values[0]!, elements: 0 };
    const { value } = known;
    if (value !== undefined && !values.every((each) => each === value)) known.value = undefined;
    known.elements += values.length;
    this.#matrices.set(name, known);
  }

  /** Of all matrices added, by PEFT's names. */
  result(): DegenerateWeights {
    const modules = new Set<string>();
    const idle = new Set<string>();
    const constant = new Set<string>();
    let constantMatrices = 0;
    for (const [name, { value, elements }] of this.#matrices) {
      const module = name.replace(/\.lora_[AB]\.weight$/, '');
      modules.add(module);
      if (value === 0) idle.add(module);
      else if (value !== undefined && elements > 1) {
        constantMatrices++;
        constant.add(module);
      }
    }
    const constantModules = [...constant].filter((module) => !idle.has(module)).length;
    return { modules: modules.size, idleModules: idle.size, constantModules, constantMatrices };
  }
}
