import { DndError } from '../errors.js';
import { type Device, type DeviceUse, nativeDevice, type PrecisionName, selectDevice } from './device.js';
import { callNative } from './errors.js';
import { type JobOptions, runJob } from './job.js';
import { explainRefusal, MemoryBudget } from './memory-budget.js';
import type {
  DeviceMemory,
  DeviceOptions,
  Done,
  Job,
  ParameterDtype,
  ParameterInfo,
  ParameterStore,
} from './native.js';

/** Options that every engine takes. */
export interface EngineOptions {
  /** Number of threads; default: `DND_THREADS`, else the CPUs this process can use. */
  threads?: number | undefined;
  /**
   * Memory limit of the engine: parameters, workspace, inputs and results together; for a CUDA device only device
   * memory, where parameters have another size. Default: available memory.
   */
  memoryLimitBytes?: number | undefined;
  /** A selected device, or a device name. Default: 'cpu'. */
  device?: Device | DeviceUse | undefined;
  /** For a device given by name: 'fp32' for float32 accuracy on a CUDA device, 'bf16' for bfloat16 products on a CPU. */
  precision?: PrecisionName | undefined;
  /**
   * Parameters may be mapped from files: only the memory of the others is checked, by `requireParameterMemory`.
   * Default: false, the memory of all parameters is checked at once.
   */
  mapped?: boolean | undefined;
}

/** The device that the options select, and its form for the addon. Errors: as `selectDevice`. */
export async function deviceOf(options: EngineOptions): Promise<{ use: DeviceUse; native: DeviceOptions }> {
  const { device = 'cpu', precision } = options;
  const use = typeof device === 'object' ? device : await selectDevice({ device, precision });
  return { use, native: nativeDevice(use, options) };
}

/** Creates a native handle; explains a failed allocation with available memory and what to lower. */
export function createHandle<Handle>(kind: string, make: () => Handle): Handle {
  try {
    return callNative(make);
  } catch (error) {
    throw explainRefusal(error, { what: `the ${kind}`, lower: 'use a smaller model' });
  }
}

/**
 * A model: named parameters in float32 in native host memory, a compute device, and jobs that run one after the other
 * on their own threads. `dispose` frees it; every method but `dispose` then throws DISPOSED.
 */
export abstract class ModelEngine<Handle extends ParameterStore> implements Disposable {
  readonly parameters: readonly Readonly<ParameterInfo>[];
  /** The compute device. */
  readonly device: DeviceUse;
  readonly #handle: Handle;
  readonly #kind: string;
  /** Of the host's memory. */
  protected readonly budget: MemoryBudget;
  #disposed = false;

  /**
   * Unless they may be mapped, checks the memory for the parameters, which the handle has reserved but not touched;
   * disposes of it if there is too little.
   */
  protected constructor(
    kind: string,
    handle: Handle,
    device: DeviceUse,
    { memoryLimitBytes, mapped = false }: Pick<EngineOptions, 'memoryLimitBytes' | 'mapped'>,
  ) {
    this.#kind = kind;
    this.#handle = handle;
    this.device = device;
    // A CUDA device enforces the limit itself.
    this.budget = new MemoryBudget(device.kind === 'cpu' ? memoryLimitBytes : undefined);
    this.parameters = handle.parameters();
    if (mapped) return;
    try {
      this.requireParameterMemory();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Bytes of native memory that the parameters occupy, without mapped ones. */
  get parameterBytes(): number {
    return this.#handle.parameterBytes;
  }

  /** Before the parameters are filled: throws OUT_OF_MEMORY unless those that are not mapped fit. */
  requireParameterMemory(): void {
    const purpose = `the ${this.#kind} (parameters in float32)`;
    this.budget.require({ purpose, bytes: this.parameterBytes, lower: 'use a smaller model' });
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Writes little-endian values of `dtype` into elements [elementOffset, …) of a parameter, on the calling thread:
   * about a millisecond for 4 MB. Throws INVALID_WEIGHTS for a value that is NaN, infinite or too large for float32.
   */
  writeParameter(name: string, elementOffset: number, bytes: Uint8Array, dtype: ParameterDtype): void {
    const handle = this.handle();
    const found = callNative(() => handle.writeParameter(name, elementOffset, bytes, dtype));
    if (found >= 0) throw this.notFinite(name, found, dtype);
  }

  /** INVALID_WEIGHTS for an element that is NaN, infinite or too large for float32. */
  protected notFinite(name: string, element: number, dtype: ParameterDtype): DndError {
    const [value] = new Float32Array(this.handle().readParameter(name, element, 1));
    const shape = this.parameters.find((parameter) => parameter.name === name)?.shape ?? [];
    return new DndError(
      'INVALID_WEIGHTS',
      `${name} holds ${value} at [${position(element, shape).join(', ')}] (element ${element}, stored as ${dtype}); every weight must be a finite float32`,
    );
  }

  /**
   * A copy of elements [elementOffset, elementOffset + elementCount) of a parameter; read a few megabytes at a time.
   */
  readParameter(name: string, elementOffset: number, elementCount: number): Float32Array<ArrayBuffer> {
    const handle = this.handle();
    return new Float32Array(callNative(() => handle.readParameter(name, elementOffset, elementCount)));
  }

  /**
   * Uploads the parameters to the device now, instead of before the first job.
   * @throws DndError OUT_OF_MEMORY, DISPOSED; `signal.reason`
   */
  async prepare(options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.prepare(done), options);
  }

  /** For a CUDA device only while no job is running. */
  deviceMemory(): DeviceMemory {
    const handle = this.handle();
    return callNative(() => handle.deviceMemory());
  }

  /**
   * Frees the memory now, or as soon as the running job has stopped; unfinished jobs reject with DISPOSED. Idempotent.
   */
  dispose(): void {
    this.#disposed = true;
    this.#handle.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The native handle; throws DISPOSED after `dispose`. */
  protected handle(): Handle {
    if (this.#disposed) throw new DndError('DISPOSED', `the ${this.#kind} has been disposed`);
    return this.#handle;
  }

  /**
   * Throws OUT_OF_MEMORY unless inputs, results and a CPU's workspace fit beside the parameters. A CUDA device checks
   * its own memory when the work starts. `held`: bytes of the workspace that are allocated already.
   */
  protected requireWorkingMemory(
    purpose: string,
    { operands, workspace, held = 0 }: { operands: number; workspace: () => number; held?: number },
    lower: string,
  ): void {
    const bytes = operands + (this.device.kind === 'cpu' ? workspace() : 0);
    this.budget.requireAllowed({ purpose, bytes, lower, takenBytes: this.parameterBytes });
    this.budget.requireAvailable({ purpose, bytes: bytes - held, lower });
  }

  /** Runs a job of the handle; rejects with the signal's reason, DISPOSED, or the native failure. */
  protected async run<T>(start: (handle: Handle, done: Done<T>) => Job, options: JobOptions = {}): Promise<T> {
    options.signal?.throwIfAborted();
    const handle = this.handle();
    try {
      return await runJob<T>((done) => start(handle, done), options);
    } catch (error) {
      if (error instanceof DndError && error.code === 'ABORTED') this.handle();
      throw error;
    }
  }
}

/** Index of an element along each axis. */
function position(element: number, shape: readonly number[]): number[] {
  let rest = element;
  return shape.map((_, axis) => {
    const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const index = Math.floor(rest / stride);
    rest -= index * stride;
    return index;
  });
}
