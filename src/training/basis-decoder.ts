import type { JobOptions, TaskSums, TrainerEngine, TrainingTasks } from '../engine/index.js';
import type { Basis } from '../generator/basis.js';

/** The decoder in training as steps and evaluations see it: what it makes are weight tokens. */
export type StepDecoder = Pick<TrainerEngine, 'accumulate' | 'forward' | 'update' | 'resetGradient' | 'disposed'>;

/**
 * A decoder that ends in coefficients of a basis. Targets of the token loss are coefficients, too, and each has the importance
 * with which the loss is the squared error of weight tokens within the basis, in units of the mean adapter's.
 */
export class BasisDecoder implements StepDecoder {
  readonly #importance: Float32Array;

  constructor(
    readonly engine: StepDecoder,
    readonly basis: Basis,
  ) {
    this.#importance = basis.importance;
  }

  get disposed(): boolean {
    return this.engine.disposed;
  }

  /** @returns weight tokens [batch, tokenCount, tokenHeight, tokenWidth] */
  async forward(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    return this.basis.tokens(await this.engine.forward(condition, batch, options), batch, options?.signal);
  }

  /**
   * @param tasks with an output gradient with respect to the weight tokens that `forward` gives, and targets [batch, count]
   * that are coefficients
   */
  async accumulate(tasks: TrainingTasks, options?: JobOptions): Promise<TaskSums[]> {
    const { target, outputGradient, batch } = tasks;
    const own = outputGradient && (await this.basis.products(outputGradient, batch, options?.signal));
    const importance = target ? this.#importance : null;
    return this.engine.accumulate({ ...tasks, outputGradient: own, importance }, options);
  }

  update(learningRate: number, options?: JobOptions): Promise<number> {
    return this.engine.update(learningRate, options);
  }

  resetGradient(): void {
    this.engine.resetGradient();
  }
}
