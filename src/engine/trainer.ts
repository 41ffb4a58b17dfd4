import { formatBytes } from '../byte-counts.js';
import { DndError } from '../errors.js';
import { addon } from './addon.js';
import { bytesOf, type DecoderEngineOptions, type Feature } from './decoder.js';
import { checkDevice, cpuUse, type DeviceUse, nativeDevice } from './device.js';
import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { explainRefusal } from './memory-budget.js';
import { createHandle, ModelEngine } from './model.js';
import type { OptimiserOptions, StateInfo, TaskSums, TrainerHandle, TrainingMemory } from './native-training.js';

export interface TrainerEngineOptions extends DecoderEngineOptions {
  optimiser: OptimiserOptions;
  /** Whether batches have output gradients, for which room is counted. Default: false. */
  outputGradients?: boolean | undefined;
}

/**
 * Some tasks of a step: conditions, and the weight tokens that they shall become, the gradient of another loss with
 * respect to those that they do become, or both. Must not change until the work's end.
 */
export interface TrainingTasks {
  /** [batch, N0, projectedFrom or H0, W0] of the first feature */
  condition: Float32Array;
  /** [batch, N, H, W] of the last feature; NaN where there is nothing. Default: no token loss. */
  target?: Float32Array | null | undefined;
  /** [batch, N, H, W] of the last feature: with respect to what `forward` returns for these conditions. */
  outputGradient?: Float32Array | null | undefined;
  /** [N] of the last feature; default: ones */
  importance?: Float32Array | null | undefined;
  batch: number;
  /** Of the token loss in the step's: these tasks' share of them. Default: 1. */
  weight?: number | undefined;
  /** Default: none. An output gradient allows none on the condition. */
  noise?: TrainingNoise | undefined;
}

/** Normal numbers that are added to condition and target. */
export interface TrainingNoise {
  /** Whole numbers up to 2⁵³ − 1; task i of the batch draws from the streams of `stream` + i. */
  key: number;
  stream: number;
  /** Standard deviations; the condition's is added after the length projection. */
  condition: number;
  target: number;
}

/** Memory that a step over a batch takes, in bytes. */
export interface TrainingNeed extends TrainingMemory {
  /** Conditions, targets, output gradients and importance. */
  operands: number;
  /** All of it together. */
  total: number;
}

/**
 * A decoder in training, in native memory of the CPU. Parameters hold nothing sensible until written or initialised;
 * gradient and optimiser states begin as zeros. What is learnt, byte for byte, depends on the sizes of the batches, the
 * instruction set and `memory(batch).convolutionLimit`, which only a memory limit changes, but not on the number of
 * threads.
 */
export class TrainerEngine extends ModelEngine<TrainerHandle> {
  readonly features: readonly Feature[];
  /** What the optimiser remembers, to be stored in checkpoints. */
  readonly states: readonly Readonly<StateInfo>[];
  readonly stateBytes: number;
  readonly #moments: OptimiserOptions['moments'];
  readonly #outputGradients: boolean;
  /** Of one task. */
  readonly #conditionBytes: number;
  /** Of each size of batch, settled when the first one comes. */
  readonly #limits = new Map<number, number>();
  #began = false;

  /** Throws INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_UNAVAILABLE for another device than the CPU, or ADDON_UNAVAILABLE. */
  static async create(options: TrainerEngineOptions): Promise<TrainerEngine> {
    const { features, kernelSize, projectedFrom = 0, algorithm = 'auto', optimiser } = options;
    const { TrainerHandle } = addon();
    // What is trained is in float32.
    const use: DeviceUse = { ...trainingDevice(options), precision: 'fp32' };
    const shape = { features: features.flat(), kernelSize, projectedFrom, algorithm };
    const native = { ...shape, ...optimiser, ...nativeDevice(use, options) };
    const handle = createHandle('decoder in training', () => new TrainerHandle(native));
    return new TrainerEngine(handle, use, options);
  }

  private constructor(handle: TrainerHandle, device: DeviceUse, options: TrainerEngineOptions) {
    super('decoder in training', handle, device, options);
    this.features = options.features;
    this.states = handle.states();
    this.stateBytes = handle.stateBytes;
    this.#moments = options.optimiser.moments;
    this.#outputGradients = options.outputGradients ?? false;
    const [tokens, height, width] = options.features[0]!;
    this.#conditionBytes = bytesOf([tokens, options.projectedFrom || height, width]);
  }

  /** PyTorch's default initialisation, as `DecoderEngine.initialise`. */
  async initialise(seed: number, options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.initialise(seed, done), options);
  }

  /**
   * What a step over a batch would take: within the memory limit, or else within most of what is available, as many layers
   * as possible keep their activations. Where it does not fit, the least that it needs.
   */
  memory(batch: number): TrainingNeed {
    const operands = this.#operandBytes(batch);
    const memory = this.#plan(batch, this.#limits.get(batch) ?? this.#roomBeside(operands));
    return { ...memory, operands, total: totalOf(memory) + operands };
  }

  /**
   * Says now what `accumulate` over a batch of this size would say.
   * @throws DndError OUT_OF_MEMORY, DISPOSED
   */
  requireRoom(batch: number): void {
    this.handle();
    if (!this.#limits.has(batch)) this.#checkedLimit(batch);
  }

  /**
   * Forward, loss, backward: adds the gradient of these tasks to the step's.
   * @throws DndError OUT_OF_MEMORY before the work, INVALID_ARGUMENT, DISPOSED; `signal.reason`: the step then has no
   * gradient any more, whatever was accumulated before
   */
  async accumulate(tasks: TrainingTasks, options?: JobOptions): Promise<TaskSums[]> {
    const { condition, target = null, outputGradient = null, importance = null, batch, weight = 1, noise } = tasks;
    const { key = 0, stream = 0, condition: conditionNoise = 0, target: targetNoise = 0 } = noise ?? {};
    if (outputGradient && !this.#outputGradients)
      throw new DndError('INVALID_ARGUMENT', 'accumulate: this trainer was created without outputGradients');
    const operands = { condition, target, outputGradient, importance };
    const native = { ...operands, batch, weight, noiseKey: key, noiseStream: stream };
    const limit = this.#limitOf(batch);
    const sums = await this.run<TaskSums[]>(
      (handle, done) => handle.accumulate({ ...native, conditionNoise, targetNoise }, limit, done),
      options,
    );
    this.#began = true;
    return sums;
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

  /**
   * Condition to weight tokens, as `DecoderEngine.forward`, for evaluation: without noise and gradient. A memory limit leaves
   * room for targets, too, with which the weight tokens are compared next.
   */
  async forward(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    const result = batch * bytesOf(this.features.at(-1)!);
    const limit = this.#roomBeside(this.#operandBytes(batch) + result);
    const tokens = await this.run<ArrayBuffer>(
      (handle, done) => handle.forward(condition, batch, limit, done),
      options,
    ).catch((error: unknown) => {
      throw explainRefusal(error, { lower: batch > 1 ? 'lower the batch' : 'use a smaller decoder' });
    });
    return new Float32Array(tokens);
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

  #operandBytes(batch: number): number {
    const last = this.features.at(-1)!;
    const tokens = (this.#outputGradients ? 2 : 1) * bytesOf(last);
    return batch * (this.#conditionBytes + tokens) + last[0] * Float32Array.BYTES_PER_ELEMENT;
  }

  /** What this engine occupies already, of what it counts: also what a step worked in stays for the next one. */
  #heldBytes(): number {
    const lasting = this.parameterBytes + (this.#began ? this.parameterBytes + this.stateBytes : 0);
    return lasting + this.deviceMemory().heldBytes;
  }

  /** Most that work may take beside these operands, parameters included. */
  #roomBeside(operands: number): number {
    return this.budget.trainingBytes({ operands, held: () => this.#heldBytes() });
  }

  /**
   * What the first step over a batch of this size finds, once it is certain that it is enough; later ones find the memory
   * taken by themselves.
   */
  #limitOf(batch: number): number {
    const settled = this.#limits.get(batch);
    if (settled !== undefined) return settled;
    const limit = this.#checkedLimit(batch);
    this.#limits.set(batch, limit);
    return limit;
  }

  #checkedLimit(batch: number): number {
    const operands = this.#operandBytes(batch);
    const limit = this.#roomBeside(operands);
    const purpose = `a training step over a batch of ${batch}`;
    const lower = this.#waysToNeedLess(batch);
    const bytes = totalOf(this.#plan(batch, limit));
    const beside = bytes + operands - this.parameterBytes;
    this.budget.requireAllowed({ purpose, bytes: beside, lower, takenBytes: this.parameterBytes });
    this.budget.requireAvailable({ purpose, bytes: bytes - this.#heldBytes(), lower });
    if (this.budget.limitBytes === undefined) this.#requireUsualWorkspace(batch, limit);
    return limit;
  }

  /** What is available may be another amount when the run is resumed, and must not decide what is learnt. */
  #requireUsualWorkspace(batch: number, limit: number): void {
    const usual = this.#plan(batch, Number.MAX_SAFE_INTEGER);
    if (this.#plan(batch, limit).convolutionLimit === usual.convolutionLimit) return;
    const purpose = `a training step over a batch of ${batch}`;
    throw this.budget.tooLittle({ purpose, bytes: usual.convolutionLimit, lower: this.#waysToNeedLess(batch) });
  }

  #plan(batch: number, limit: number): TrainingMemory {
    const handle = this.handle();
    return callNative(() => handle.memory(batch, limit, this.#outputGradients));
  }

  #waysToNeedLess(batch: number): string {
    const ways = ['use a smaller decoder'];
    if (this.#moments !== '8bit') ways.unshift("store AdamW's moments in 8 bits ('8bit')");
    if (batch > 1) {
      const least = totalOf(this.#plan(1, 0)) + this.#operandBytes(1) - this.parameterBytes;
      ways.unshift(`lower the batch (a batch of 1 needs ${formatBytes(least)})`);
    }
    return ways.join(', or ');
  }
}

/** The device that trains. Throws DEVICE_UNAVAILABLE for another than the CPU. */
export function trainingDevice({
  device = 'cpu',
  precision,
}: Pick<TrainerEngineOptions, 'device' | 'precision'>): DeviceUse {
  if (typeof device === 'object' && device.kind === 'cpu') return device;
  const name = typeof device === 'object' ? device.name : device;
  if (typeof device !== 'object') checkDevice({ device, precision }, ['fp32']);
  if (name === 'cpu' || name === 'auto') return cpuUse(null);
  throw new DndError('DEVICE_UNAVAILABLE', `training runs on the CPU, not on ${name}: choose the device cpu`);
}

function totalOf({ parameters, gradients, states, activations }: TrainingMemory): number {
  return parameters + gradients + states + activations;
}
