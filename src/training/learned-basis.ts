import { slices } from '../async/index.js';
import type { JobOptions, StateInfo, TaskSums, TrainerEngine, TrainingTasks } from '../engine/index.js';
import { Basis } from '../generator/basis.js';
import { roundDirections } from '../generator/basis-file.js';
import type { DecoderShape } from '../generator/decoder-shape.js';
import { normal } from '../random/normal.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { StepDecoder } from './basis-decoder.js';
import type { CheckpointEngine } from './checkpoint.js';
import type { TrainingSettings } from './settings.js';
import { STREAMS } from './streams.js';

/** AdamW as the decoder's, and what the directions start from. */
type LearnedBasisSettings = Pick<
  TrainingSettings,
  'seed' | 'startDeviation' | 'beta1' | 'beta2' | 'eps' | 'weightDecay' | 'maxGradientNorm'
>;

interface LearnedBasisParts {
  engine: TrainerEngine;
  decoder: DecoderShape;
  /** Number of directions. */
  count: number;
  /** Elements of a direction: of all weight tokens of an adapter. */
  size: number;
  settings: LearnedBasisSettings;
}

/** Elements that are worked on at once. */
const SLICE = 2 ** 16;

/**
 * A decoder that ends in coefficients c of directions T that are trained with it: y = Σ c[i] · T[i]. Its losses are those of
 * weight tokens alone. The directions are parameters like any other: AdamW in float32, with a gradient norm and a clipping
 * of their own.
 */
export class LearnedBasisDecoder implements StepDecoder, CheckpointEngine {
  readonly #parts: LearnedBasisParts;
  /** [count, size] each: ∂L/∂T, and AdamW's two moments. */
  readonly #gradient: Float32Array;
  readonly #moments: readonly [Float32Array, Float32Array];
  #updates = 0;
  /** Of the last forward pass: the gradient of the directions needs its coefficients. */
  #last: { condition: Float32Array; coefficients: Float32Array } | undefined;

  private constructor(
    parts: LearnedBasisParts,
    /** As they are now. */
    readonly basis: Basis,
  ) {
    this.#parts = parts;
    const { length } = basis.directions;
    this.#gradient = new Float32Array(length);
    this.#moments = [new Float32Array(length), new Float32Array(length)];
  }

  /**
   * The directions have normal numbers of the seed; `spread` gives them their size.
   * @throws DndError INVALID_WEIGHTS; `signal.reason`
   */
  static async create(parts: LearnedBasisParts, signal?: AbortSignal | undefined): Promise<LearnedBasisDecoder> {
    const { count, size, settings } = parts;
    const random = SplitMix64.derived(settings.seed, STREAMS.basis);
    const directions = new Float32Array(count * size);
    for await (const [start, end] of slices(directions.length, SLICE, signal))
      for (let i = start; i < end; i++) directions[i] = normal(random);
    return new LearnedBasisDecoder(parts, await Basis.from(directions, count, { signal }));
  }

  get disposed(): boolean {
    return this.#parts.engine.disposed;
  }

  get parameters(): TrainerEngine['parameters'] {
    return this.#parts.engine.parameters;
  }

  /** The decoder's, and the directions in float32 with their moments. */
  get states(): readonly StateInfo[] {
    const own = this.#states().map(([name, { length }]) => ({ name, dtype: 'F32', elements: length }) as const);
    return [...this.#parts.engine.states, ...own];
  }

  /** Fills the decoder; `spread` makes the rest ready. Errors: as `TrainerEngine.initialise` */
  initialise(seed: number, options?: JobOptions): Promise<void> {
    return this.#parts.engine.initialise(seed, options);
  }

  /** What the decoder makes of conditions: the coefficients of each task, [count]. Errors: as `TrainerEngine.forward` */
  async coefficients(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array[]> {
    const all = await this.#parts.engine.forward(condition, batch, options);
    const { count } = this.basis;
    return Array.from({ length: batch }, (_, task) => all.slice(task * count, (task + 1) * count));
  }

  /**
   * Makes an untrained decoder tell tasks apart. As it is, its coefficients are nearly the same for all tasks, and small, so
   * that the directions would learn what all tasks have in common. The last convolution is therefore scaled and shifted
   * until each of the n coefficients has, over the tasks, the mean and the standard deviation 1/n. AdamW moves every element
   * of a direction by about the learning rate: where all directions agree, an adapter moves by that much in all, as the
   * weights of a LoRA do. Then the directions, of normal numbers, get the length with which weight tokens have
   * `startDeviation`, root mean square.
   * @param coefficients of some tasks, as they are now: [count] each
   * @throws `signal.reason`
   */
  async spread(coefficients: readonly Float32Array[], options?: JobOptions): Promise<void> {
    const { engine, decoder, settings } = this.#parts;
    const { count, directions } = this.basis;
    const wanted = 1 / count;
    const last = `decoder.module_list.${decoder.features.length - 2}.linear2`;
    const weightSize = elementsOf(engine, `${last}.weight`) / count;
    const bias = engine.readParameter(`${last}.bias`, 0, count);
    for (let i = 0; i < count; i++) {
      const own = Float64Array.from(coefficients, (all) => all[i]!);
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
      const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length);
      // Of one task, or of tasks with the same prompts, there is none.
      const factor = deviation > 1e-6 * Math.abs(mean) ? wanted / deviation : 1;
      bias[i] = (bias[i]! - mean) * factor + wanted;
      const weight = engine.readParameter(`${last}.weight`, i * weightSize, weightSize);
      for (let e = 0; e < weightSize; e++) weight[e]! *= factor;
      writeFloats(engine, `${last}.weight`, i * weightSize, weight);
    }
    writeFloats(engine, `${last}.bias`, 0, bias);
    const length = settings.startDeviation * Math.sqrt(count / 2);
    for await (const [start, end] of slices(directions.length, SLICE, options?.signal))
      for (let i = start; i < end; i++) directions[i]! *= length;
  }

  /** @returns weight tokens [batch, tokenCount, tokenHeight, tokenWidth] */
  async forward(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    const coefficients = await this.#parts.engine.forward(condition, batch, options);
    this.#last = { condition, coefficients };
    return this.basis.tokens(coefficients, batch, options?.signal);
  }

  /**
   * @param tasks with the condition of the last `forward`, an output gradient with respect to its weight tokens, and neither
   * targets nor noise
   */
  async accumulate(tasks: TrainingTasks, options?: JobOptions): Promise<TaskSums[]> {
    const { condition, outputGradient, target, batch } = tasks;
    const { basis } = this;
    if (!outputGradient || target || this.#last?.condition !== condition)
      throw new Error('a learned basis has gradients of the weight tokens of its last forward pass only');
    const { coefficients } = this.#last;
    const own = await basis.products(outputGradient, batch, options?.signal);
    const sums = await this.#parts.engine.accumulate({ ...tasks, outputGradient: own, importance: null }, options);
    await this.#addGradient(coefficients, outputGradient, batch, options?.signal);
    return sums;
  }

  /** ∂L/∂T[i] += Σ c[i] · ∂L/∂y, over the tasks. */
  async #addGradient(
    coefficients: Float32Array,
    outputGradient: Float32Array,
    batch: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { count, size } = this.basis;
    for await (const [start, end] of slices(size, SLICE, signal)) {
      for (let direction = 0; direction < count; direction++) {
        const own = this.#gradient.subarray(direction * size + start, direction * size + end);
        for (let task = 0; task < batch; task++) {
          const factor = coefficients[task * count + direction]!;
          const from = outputGradient.subarray(task * size + start, task * size + end);
          for (let e = 0; e < own.length; e++) own[e]! += factor * from[e]!;
        }
      }
    }
  }

  /** @returns the norm of both gradients; where it is not finite nothing has changed */
  async update(learningRate: number, options?: JobOptions): Promise<number> {
    const norm = Math.sqrt(this.#gradient.reduce((sum, value) => sum + value * value, 0));
    if (!Number.isFinite(norm)) return norm;
    const others = await this.#parts.engine.update(learningRate, options);
    if (!Number.isFinite(others)) return others;
    this.#updateDirections(learningRate, norm);
    this.#gradient.fill(0);
    return Math.hypot(norm, others);
  }

  /** AdamW as PyTorch's, after clipping to `maxGradientNorm` as its `clip_grad_norm_`. */
  #updateDirections(learningRate: number, norm: number): void {
    const { beta1, beta2, eps, weightDecay, maxGradientNorm } = this.#parts.settings;
    const [first, second] = this.#moments;
    const { directions } = this.basis;
    this.#updates++;
    const clip = maxGradientNorm > 0 ? Math.min(1, maxGradientNorm / (norm + 1e-6)) : 1;
    const decay = 1 - learningRate * weightDecay;
    const rate = learningRate / (1 - beta1 ** this.#updates);
    const root = Math.sqrt(1 - beta2 ** this.#updates);
    for (let i = 0; i < directions.length; i++) {
      const gradient = clip * this.#gradient[i]!;
      const mean = beta1 * first[i]! + (1 - beta1) * gradient;
      const square = beta2 * second[i]! + (1 - beta2) * gradient * gradient;
      first[i] = mean;
      second[i] = square;
      directions[i] = directions[i]! * decay - (rate * mean) / (Math.sqrt(square) / root + eps);
    }
  }

  resetGradient(): void {
    this.#parts.engine.resetGradient();
    this.#gradient.fill(0);
  }

  /**
   * The basis as generators keep it: a copy, rounded.
   * @throws DndError INVALID_WEIGHTS for directions that are not finite; `signal.reason`
   */
  async rounded(signal?: AbortSignal | undefined): Promise<Basis> {
    const directions = this.basis.directions.slice();
    await roundDirections(directions, signal);
    return Basis.from(directions, this.basis.count, { signal });
  }

  readParameter(...place: Parameters<TrainerEngine['readParameter']>) {
    return this.#parts.engine.readParameter(...place);
  }

  writeParameter(...values: Parameters<TrainerEngine['writeParameter']>) {
    return this.#parts.engine.writeParameter(...values);
  }

  readState(name: string, offset: number, length: number): Uint8Array<ArrayBuffer> {
    const own = this.#ownState(name);
    return own ? own.slice(offset, offset + length) : this.#parts.engine.readState(name, offset, length);
  }

  writeState(name: string, offset: number, bytes: Uint8Array): void {
    const own = this.#ownState(name);
    if (own) own.set(bytes, offset);
    else this.#parts.engine.writeState(name, offset, bytes);
  }

  setStep(step: number): void {
    this.#parts.engine.setStep(step);
    this.#updates = step;
  }

  #states(): [name: string, values: Float32Array][] {
    const [first, second] = this.#moments;
    return [
      ['basis.directions', this.basis.directions],
      ['basis.first_moment', first],
      ['basis.second_moment', second],
    ];
  }

  #ownState(name: string): Uint8Array<ArrayBuffer> | undefined {
    const values = this.#states().find(([own]) => own === name)?.[1];
    return values && new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
  }
}

function elementsOf(engine: Pick<TrainerEngine, 'parameters'>, name: string): number {
  const { shape } = engine.parameters.find((parameter) => parameter.name === name)!;
  return shape.reduce((product, length) => product * length, 1);
}

function writeFloats(engine: TrainerEngine, name: string, offset: number, values: Float32Array): void {
  engine.writeParameter(name, offset, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'F32');
}
