import { DndError } from '../errors.js';
import { type Device, type DeviceUse, nativeDevice, selectDevice } from './device.js';
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
  /** Threads that share the work; default: `DND_THREADS`, else the CPUs this process can use. */
  threads?: number | undefined;
  /**
   * Most that the engine may use, parameters, working memory, inputs and results together; of a CUDA device its memory
   * alone, in which parameters have another size. Default: what is available.
   */
  memoryLimitBytes?: number | undefined;
  /** A device that was chosen already, or its name. Default: 'cpu'. */
  device?: Device | DeviceUse | undefined;
  /** Of a device that is given by its name: 'fp32' for a CUDA device that shall be as exact as the CPU. */
  precision?: 'fp32' | undefined;
}

/** The device that the options ask for, and what the addon is told about it. Errors: as `selectDevice`. */
export async function deviceOf(options: EngineOptions): Promise<{ use: DeviceUse; native: DeviceOptions }> {
  const { device = 'cpu', precision } = options;
  const use = typeof device === 'object' ? device : await selectDevice({ device, precision });
  return { use, native: nativeDevice(use, options) };
}

/** Makes a native handle; where the system refuses the memory, tells what there is and what to lower. */
export function createHandle<Handle>(kind: string, make: () => Handle): Handle {
  try {
    return callNative(make);
  } catch (error) {
    throw explainRefusal(error, { what: `the ${kind}`, lower: 'use a smaller model' });
  }
}

/**
 * A model: named parameters in float32 in native memory of the host, a device that works with them, and jobs that run one
 * after the other on threads of their own. `dispose` frees it; every method but `dispose` then throws DISPOSED.
 */
export abstract class ModelEngine<Handle extends ParameterStore> implements Disposable {
  readonly parameters: readonly Readonly<ParameterInfo>[];
  /** Bytes of native memory that the parameters occupy. */
  readonly parameterBytes: number;
  /** Where it works. */
  readonly device: DeviceUse;
  readonly #handle: Handle;
  readonly #kind: string;
  /** Of the host's memory. */
  protected readonly budget: MemoryBudget;
  #disposed = false;

  /** Checks the memory for the parameters, which the handle has reserved but not touched; frees it if there is too little. */
  protected constructor(kind: string, handle: Handle, device: DeviceUse, memoryLimitBytes: number | undefined) {
    this.#kind = kind;
    this.#handle = handle;
    this.device = device;
    // A CUDA device keeps to the limit by itself.
    this.budget = new MemoryBudget(device.kind === 'cpu' ? memoryLimitBytes : undefined);
    this.parameters = handle.parameters();
    this.parameterBytes = handle.parameterBytes;
    try {
      const purpose = `the ${kind} (parameters in float32)`;
      this.budget.require({ purpose, bytes: this.parameterBytes, lower: 'use a smaller model' });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Writes little-endian values of `dtype` into elements [elementOffset, …) of a parameter, in the caller's thread: about
   * a millisecond for 4 MB. Throws INVALID_WEIGHTS for a value that is NaN, infinite or too large for float32.
   */
  writeParameter(name: string, elementOffset: number, bytes: Uint8Array, dtype: ParameterDtype): void {
    const handle = this.handle();
    const found = callNative(() => handle.writeParameter(name, elementOffset, bytes, dtype));
    if (found < 0) return;
    const [value] = new Float32Array(handle.readParameter(name, found, 1));
    const shape = this.parameters.find((parameter) => parameter.name === name)?.shape ?? [];
    throw new DndError(
      'INVALID_WEIGHTS',
      `${name} holds ${value} at [${position(found, shape).join(', ')}] (element ${found}, stored as ${dtype}); every weight must be a finite float32`,
    );
  }

  /** A copy of elements [elementOffset, elementOffset + elementCount) of a parameter; take a few megabytes at a time. */
  readParameter(name: string, elementOffset: number, elementCount: number): Float32Array<ArrayBuffer> {
    const handle = this.handle();
    return new Float32Array(callNative(() => handle.readParameter(name, elementOffset, elementCount)));
  }

  /**
   * Brings the parameters to the device now, instead of before the first work.
   * @throws DndError OUT_OF_MEMORY, DISPOSED; `signal.reason`
   */
  async prepare(options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.prepare(done), options);
  }

  /** Of a CUDA device only while no job is under way. */
  deviceMemory(): DeviceMemory {
    const handle = this.handle();
    return callNative(() => handle.deviceMemory());
  }

  /** Frees the memory now, or as soon as the running job has stopped; jobs under way reject with DISPOSED. Idempotent. */
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
   * Throws OUT_OF_MEMORY unless inputs and results, and what a CPU works in, fit beside the parameters. A CUDA device
   * looks after its own memory, when the work begins.
   */
  protected requireWorkingMemory(
    purpose: string,
    { operands, workspace }: { operands: number; workspace: () => number },
    lower: string,
  ): void {
    const bytes = operands + (this.device.kind === 'cpu' ? workspace() : 0);
    this.budget.require({ purpose, bytes, lower, takenBytes: this.parameterBytes });
  }

  /** Runs a job of the handle; what ends it early is named: the signal's reason, DISPOSED, or the native failure. */
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
