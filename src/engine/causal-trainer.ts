import { addon } from './addon.js';
import type { CausalEngine } from './causal.js';
import { type CausalSequences, checkLabels, nativeBatch } from './causal-batch.js';
import type { DeviceUse } from './device.js';
import { nativeDevice } from './device.js';
import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { createHandle, type EngineOptions, ModelEngine } from './model.js';
import type {
  CausalBatch,
  CausalTrainerHandle,
  CausalTrainingMemory,
  LikelihoodSum,
  TrainedParameters,
} from './native-language.js';
import type { OptimiserOptions, StateInfo } from './native-training.js';
import { trainingDevice } from './trainer.js';

export interface CausalTrainerEngineOptions extends Pick<EngineOptions, 'threads' | 'memoryLimitBytes'> {
  /** Every parameter of the model, or an adapter beside the frozen model. */
  parameters: TrainedParameters;
  optimiser: OptimiserOptions;
}

/** Bytes that a training step takes beside the model's own parameters. */
export interface CausalTrainingNeed extends CausalTrainingMemory {
  total: number;
}

/**
 * Training of a causal language model, or of a LoRA adapter beside it, in native memory of the CPU. The parameters are
 * the trained ones: an adapter's by PEFT's names, in the order of an AdapterLayout, or the model's own, which it shares
 * with the CausalEngine. What is learnt, byte for byte, depends on the sizes of the batches and the instruction set, but
 * not on the number of threads or on memory limits. Dispose of it before the CausalEngine, or after; both may.
 */
export class CausalTrainerEngine extends ModelEngine<CausalTrainerHandle> {
  /** What the optimiser remembers, to be stored in checkpoints. */
  readonly states: readonly Readonly<StateInfo>[];
  readonly stateBytes: number;
  readonly #trainsAll: boolean;
  #began = false;

  /** Throws INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_UNAVAILABLE for another device than the CPU, DISPOSED. */
  static async create(model: CausalEngine, options: CausalTrainerEngineOptions): Promise<CausalTrainerEngine> {
    const { CausalTrainerHandle } = addon();
    const use = trainingDevice({ device: model.device });
    const native = { ...options.parameters, ...options.optimiser, ...nativeDevice(use, options) };
    const handle = createHandle('trainer', () => new CausalTrainerHandle(model.sharedHandle, native));
    return new CausalTrainerEngine(handle, use, options);
  }

  private constructor(handle: CausalTrainerHandle, device: DeviceUse, options: CausalTrainerEngineOptions) {
    super('trainer', handle, device, options);
    this.states = handle.states();
    this.stateBytes = handle.stateBytes;
    this.#trainsAll = options.parameters.trained === 'all';
  }

  /** An adapter as PEFT begins it: A uniform within ± 1 / √in, B zeros. Every parameter: normal, norms 1, biases 0. */
  async initialise(seed: number, options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.initialise(seed, done), options);
  }

  /** What a step over a batch would take, saving the activations of as many layers as fit. */
  memory(batch: CausalSequences, labels: Int32Array): CausalTrainingNeed {
    checkLabels(batch, labels);
    const memory = this.#plan(nativeBatch(batch), labels, this.#limit());
    return { ...memory, total: totalOf(memory) };
  }

  /**
   * Forward, loss, backward: adds the gradient of weight · Σ −ln p(label) to the step's. For the mean over a step's
   * labels, `weight` is 1 / their number.
   * @param labels one for each id, in Hugging Face's convention: position i − 1 predicts label i of the same sequence;
   * −100 is ignored. Must not change until the end
   * @returns Log-likelihoods of the sequences
   * @throws DndError OUT_OF_MEMORY before the work, INVALID_ARGUMENT, DISPOSED; `signal.reason`: the step then has no
   * gradient any more, whatever was accumulated before
   */
  async accumulate(
    batch: CausalSequences,
    labels: Int32Array,
    weight: number,
    options?: JobOptions,
  ): Promise<LikelihoodSum[]> {
    checkLabels(batch, labels);
    const native = nativeBatch(batch);
    const limit = this.#checkedLimit(native, labels);
    const likelihoods = await this.run<LikelihoodSum[]>(
      (handle, done) => handle.accumulate(native, labels, weight, limit, done),
      options,
    );
    this.#began = true;
    return likelihoods;
  }

  /**
   * Changes the parameters by what was accumulated, and drops it. Where the gradient is not finite, only drops it.
   * @returns the gradient's norm before clipping
   * @throws DndError INVALID_ARGUMENT where nothing was accumulated; `signal.reason`: nothing has changed
   */
  async update(learningRate: number, options?: JobOptions): Promise<number> {
    return this.run<number>((handle, done) => handle.update(learningRate, done), options);
  }

  /** Drops what was accumulated. */
  resetGradient(): void {
    const handle = this.handle();
    callNative(() => handle.resetGradient());
  }

  /** A copy of elements of what was accumulated for a parameter; never while a job is under way. */
  readGradient(name: string, elementOffset: number, elementCount: number): Float32Array<ArrayBuffer> {
    const handle = this.handle();
    return new Float32Array(callNative(() => handle.readGradient(name, elementOffset, elementCount)));
  }

  /** Steps that the optimiser has done; never while a job is under way. */
  get step(): number {
    const handle = this.handle();
    return callNative(() => handle.step());
  }

  /** As a checkpoint says, whose states are written too. */
  setStep(step: number): void {
    const handle = this.handle();
    callNative(() => handle.setStep(step));
  }

  /** A copy of the little-endian bytes of a state, a few megabytes at a time; never while a job is under way. */
  readState(name: string, byteOffset: number, byteCount: number): Uint8Array<ArrayBuffer> {
    const handle = this.handle();
    return new Uint8Array(callNative(() => handle.readState(name, byteOffset, byteCount)));
  }

  writeState(name: string, byteOffset: number, bytes: Uint8Array): void {
    const handle = this.handle();
    callNative(() => handle.writeState(name, byteOffset, bytes));
  }

  /** What this engine occupies already, of what it counts: also what a step worked in stays for the next one. */
  #heldBytes(): number {
    const parameters = this.#trainsAll ? 0 : this.parameterBytes;
    const lasting = parameters + (this.#began ? this.parameterBytes + this.stateBytes : 0);
    return lasting + this.deviceMemory().heldBytes;
  }

  #limit(): number {
    return this.budget.trainingBytes({ operands: 0, held: () => this.#heldBytes() });
  }

  #checkedLimit(batch: CausalBatch, labels: Int32Array): number {
    const limit = this.#limit();
    const bytes = totalOf(this.#plan(batch, labels, limit));
    const purpose = `a training step over ${batch.lengths.length} sequences`;
    const lower = 'lower the batch, or shorten its sequences';
    this.budget.requireAllowed({ purpose, bytes, lower });
    this.budget.requireAvailable({ purpose, bytes: bytes - this.#heldBytes(), lower });
    return limit;
  }

  #plan(batch: CausalBatch, labels: Int32Array, limit: number): CausalTrainingMemory {
    const handle = this.handle();
    return callNative(() => handle.memory(batch, labels, limit));
  }
}

function totalOf({ parameters, gradients, states, activations }: CausalTrainingMemory): number {
  return parameters + gradients + states + activations;
}
