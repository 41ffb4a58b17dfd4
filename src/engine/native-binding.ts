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
import type { CausalHandle, CausalOptions, CausalTrainerHandle, CausalTrainerOptions } from './native-language.js';
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
 * The addon's exports: the whole boundary between TypeScript and native code. Maintained by hand to match `bindings/`.
 * Only ArrayBuffers, numbers, strings, booleans and callbacks cross it; memory handed to a job must not be changed,
 * detached or transferred before the job has ended. Handles, jobs and devices are in `native.ts`, plans in
 * `native-plan.ts`, training in `native-training.ts`, language models in `native-language.ts`.
 *
 * A native failure is a string that starts with its code: `OUT_OF_MEMORY: …`, `ABORTED: …`, `INVALID_ARGUMENT: …`,
 * `DEVICE_UNAVAILABLE: …`, `INTERNAL: …`. It is the message of the Error that a call throws, or the argument of a job's
 * `done`; `engine/errors.ts` converts it to a DndError.
 */
export interface NativeBinding {
  cpuInfo(): CpuInfo;
  /**
   * After the first of these signals (by number), which Node must be listening to, any of them ends the process, even
   * while the JavaScript thread is busy. Replaces the signals of the previous call.
   */
  endAtSecondSignal(numbers: number[]): void;
  /** Opens a CUDA library and lists its devices. `cudaLibrary`: as of `DeviceOptions`. */
  deviceInfo(cudaLibrary: string, done: Done<DeviceInfo>): Job;
  /** Opens a device and closes it again. */
  tryDevice(options: DeviceOptions, done: Done<undefined>): Job;
  DecoderHandle: new (options: DecoderOptions) => DecoderHandle;
  EncoderHandle: new (options: EncoderOptions) => EncoderHandle;
  TrainerHandle: new (options: TrainerOptions) => TrainerHandle;
  CausalHandle: new (options: CausalOptions) => CausalHandle;
  CausalTrainerHandle: new (model: CausalHandle, options: CausalTrainerOptions) => CausalTrainerHandle;
  /** Denormalises weight tokens, float32 [batch, tokens, height, width]. Result: as of `DecoderHandle.adapters`. */
  restoreAdapters(
    tokens: BufferSlice,
    batch: number,
    layout: FlatLayout,
    options: DeviceOptions,
    done: Done<ArrayBuffer[]>,
  ): Job;
  /** sgemm of two random n×n matrices with the engine's GEMM. */
  measureGemm(n: number, options: MeasurementRuns, done: Done<Measured>): Job;
  /** A copy of this many bytes by all threads. */
  measureCopy(bytes: number, options: MeasurementRuns, done: Done<Measured>): Job;
  /** One hyper-convolution on random data, without normalisation and bias. */
  measureConvolution(options: ConvolutionMeasurement & MeasurementRuns, done: Done<MeasuredConvolution>): Job;
  /** Plans each convolution of a decoder. Pure: takes a few milliseconds, identical on every machine. */
  planDecoder(options: DecoderPlanOptions): DecoderPlan;
  /** Plans each convolution of a training step. Pure. */
  planTraining(options: TrainingPlanOptions): TrainingPlan;
  /** As `planDecoder` for a CUDA device model, with its memory. No device is needed. */
  planCudaDecoder(options: CudaDecoderPlanOptions): CudaDecoderPlan;
  /** Modelled time of a BERT on a CUDA device model. */
  planCudaEncoder(options: CudaEncoderPlanOptions): CudaEncoderPlan;
  /** Those with committed rates (native/plan/cuda_rates.cc). */
  cudaDeviceModels(): CudaDeviceModel[];
  /** The model that matches a device, by its runtime name, else by its compute capability. */
  cudaDeviceModelOf(name: string, computeMajor: number, computeMinor: number): string;
}
