import type {
  BufferSlice,
  ConvolutionMeasurement,
  CpuInfo,
  DecoderHandle,
  DecoderOptions,
  DeviceInfo,
  DeviceOptions,
  Done,
  EncoderHandle,
  EncoderOptions,
  FlatLayout,
  Job,
  Measured,
  MeasuredConvolution,
  MeasurementRuns,
} from './native.js';
import type {
  CudaDecoderPlan,
  CudaDecoderPlanOptions,
  CudaDeviceModel,
  CudaEncoderPlan,
  CudaEncoderPlanOptions,
  DecoderPlan,
  DecoderPlanOptions,
} from './native-plan.js';
import type { TrainerHandle, TrainerOptions, TrainingPlan, TrainingPlanOptions } from './native-training.js';

/**
 * What the addon exports: the whole boundary between TypeScript and native code. Kept by hand beside `bindings/`.
 * Only ArrayBuffers, numbers, strings, booleans and callbacks cross it; memory handed to a job must not be changed,
 * detached or transferred before the job has ended. Handles, jobs and devices are in `native.ts`,
 * plans in `native-plan.ts`, training in `native-training.ts`.
 *
 * A native failure is a text that begins with its code: `OUT_OF_MEMORY: …`, `ABORTED: …`, `INVALID_ARGUMENT: …`,
 * `DEVICE_UNAVAILABLE: …`, `INTERNAL: …`. It is the message of the Error that a call throws, or what a job tells its `done`;
 * `engine/errors.ts` makes it a DndError.
 */
export interface NativeBinding {
  cpuInfo(): CpuInfo;
  /**
   * From the first of these signals on (by number), which Node must be listening to, any of them ends the process, even
   * while the JavaScript thread is busy. Takes the place of the signals of the call before.
   */
  endAtSecondSignal(numbers: number[]): void;
  /** Opens the CUDA library, where there is one, and asks it for its devices. */
  deviceInfo(done: Done<DeviceInfo>): Job;
  /** Opens a device and closes it again. */
  tryDevice(options: DeviceOptions, done: Done<undefined>): Job;
  DecoderHandle: new (options: DecoderOptions) => DecoderHandle;
  EncoderHandle: new (options: EncoderOptions) => EncoderHandle;
  TrainerHandle: new (options: TrainerOptions) => TrainerHandle;
  /** De-normalises weight tokens, float32 [batch, tokens, height, width]. Result: as of `DecoderHandle.adapters`. */
  restoreAdapters(
    tokens: BufferSlice,
    batch: number,
    layout: FlatLayout,
    options: DeviceOptions,
    done: Done<ArrayBuffer[]>,
  ): Job;
  /** sgemm of two random n×n matrices through the engine's own GEMM. */
  measureGemm(n: number, options: MeasurementRuns, done: Done<Measured>): Job;
  /** A copy of so many bytes, by all threads. */
  measureCopy(bytes: number, options: MeasurementRuns, done: Done<Measured>): Job;
  /** One hyper-convolution on random data, without normalisation and bias. */
  measureConvolution(options: ConvolutionMeasurement & MeasurementRuns, done: Done<MeasuredConvolution>): Job;
  /** What each convolution of a decoder would do. Pure: a few milliseconds, no work, the same on every machine. */
  planDecoder(options: DecoderPlanOptions): DecoderPlan;
  /** What each convolution of a training step would do. Pure. */
  planTraining(options: TrainingPlanOptions): TrainingPlan;
  /** The same as `planDecoder` on a CUDA device model, with what of its memory all takes. No device is needed. */
  planCudaDecoder(options: CudaDecoderPlanOptions): CudaDecoderPlan;
  /** Modelled time of a BERT on a CUDA device model. */
  planCudaEncoder(options: CudaEncoderPlanOptions): CudaEncoderPlan;
  /** Those with committed rates (native/plan/cuda_rates.cc). */
  cudaDeviceModels(): CudaDeviceModel[];
  /** Which of them stands for a device, by what the runtime calls it, else by its compute capability. */
  cudaDeviceModelOf(name: string, computeMajor: number, computeMinor: number): string;
}
