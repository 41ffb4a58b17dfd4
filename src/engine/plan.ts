import { addon, cpuInfo } from './addon.js';
import { checkBatch } from './batch.js';
import type { Feature } from './decoder.js';
import { callNative } from './errors.js';
import type { AlgorithmChoice, InstructionSet, PrecisionChoice } from './native.js';
import type {
  CudaDecoderPlan,
  CudaDeviceModel,
  CudaEncoderPlan,
  CudaEncoderPlanOptions,
  DecoderPlan,
} from './native-plan.js';
import type { TrainingPlan } from './native-training.js';

/** Those with committed rates (native/plan/rates.cc). */
export const INSTRUCTION_SETS: readonly InstructionSet[] = ['baseline', 'avx2', 'avx512', 'neon'];

/** Names of CUDA device models with committed rates (native/plan/cuda_rates.cc). */
export const CUDA_DEVICE_MODELS = [
  'a100-sxm-80gb',
  'a100-pcie-80gb',
  'a100-40gb',
  'h100-sxm',
  'h100-pcie',
  'h200',
  'b200',
  'l40s',
  'l4',
  'a10',
  'rtx-a6000',
  'rtx-3090',
  'rtx-4090',
  'rtx-5090',
] as const;

export type CudaDeviceModelName = (typeof CUDA_DEVICE_MODELS)[number];

export const PRECISION_CHOICES: readonly PrecisionChoice[] = ['mixed', 'fp32'];

export const ALGORITHM_CHOICES: readonly AlgorithmChoice[] = ['auto', 'direct', 'spectral'];

export interface PlanOptions {
  /** The condition's shape first (after any length projection), the weight tokens' last. */
  features: readonly Feature[];
  /** Odd size of every convolution kernel. */
  kernelSize: number;
  /** Tasks in one batch; default: 1. */
  batch?: number | undefined;
  /** Default: this machine's. */
  instructionSet?: InstructionSet | undefined;
  /** Default: auto, the one predicted to be faster. */
  algorithm?: AlgorithmChoice | undefined;
  /** Workspace limit of a convolution; default: 1 GiB. */
  workspaceBytes?: number | undefined;
}

/**
 * Plans each convolution of a decoder: algorithm, tiles, work, bytes, predicted time, and why no alternative was
 * chosen. No convolution is computed and no weights are needed; the same options give the same plan on every machine.
 *
 * Throws INVALID_ARGUMENT, also for an impossible spectral convolution, or ADDON_UNAVAILABLE.
 */
export function planDecoder(options: PlanOptions): DecoderPlan {
  const { features, kernelSize, batch = 1, algorithm = 'auto', workspaceBytes = 0 } = options;
  checkBatch(batch);
  const instructionSet = options.instructionSet ?? cpuInfo().isa;
  const native = { features: features.flat(), kernelSize, batch, instructionSet, algorithm, workspaceBytes };
  return callNative(() => addon().planDecoder(native));
}

export interface TrainingPlanRequest extends Omit<PlanOptions, 'workspaceBytes'> {
  /** Length of the condition before the length projection; default: no length projection. */
  projectedFrom?: number | undefined;
}

/**
 * Predicted work of one training step over a batch: every convolution forward, and its gradients. Pure, as `planDecoder`,
 * with its errors.
 */
export function planTraining(options: TrainingPlanRequest): TrainingPlan {
  const { features, kernelSize, projectedFrom = 0, batch = 1, algorithm = 'auto' } = options;
  checkBatch(batch);
  const instructionSet = options.instructionSet ?? cpuInfo().isa;
  const native = { features: features.flat(), kernelSize, projectedFrom, batch, instructionSet, algorithm };
  return callNative(() => addon().planTraining(native));
}

export interface CudaPlanOptions {
  features: readonly Feature[];
  kernelSize: number;
  /** Default: 1. */
  batch?: number | undefined;
  deviceModel: CudaDeviceModelName;
  /** Default: mixed. */
  precision?: PrecisionChoice | undefined;
  /** Default: auto. */
  algorithm?: AlgorithmChoice | undefined;
  /** Workspace limit of a convolution; default: 1 GiB, less if memory is short. */
  workspaceBytes?: number | undefined;
  /** Device memory limit; default: the model's. */
  memoryBytes?: number | undefined;
}

/**
 * Plans each convolution of a decoder for a CUDA device model, with modelled times and bytes; no device is needed.
 *
 * Throws INVALID_ARGUMENT, OUT_OF_MEMORY where the weights do not fit, or ADDON_UNAVAILABLE.
 */
export function planCudaDecoder(options: CudaPlanOptions): CudaDecoderPlan {
  const { features, batch = 1, precision = 'mixed', algorithm = 'auto', workspaceBytes = 0, memoryBytes = 0 } = options;
  const { kernelSize, deviceModel } = options;
  checkBatch(batch);
  const native = { kernelSize, deviceModel, batch, precision, algorithm, workspaceBytes, memoryBytes };
  return callNative(() => addon().planCudaDecoder({ ...native, features: features.flat() }));
}

/** Modelled time of a text encoder on a CUDA device model. Throws as `planCudaDecoder`. */
export function planCudaEncoder(options: CudaEncoderPlanOptions): CudaEncoderPlan {
  return callNative(() => addon().planCudaEncoder(options));
}

/** The figures behind CUDA_DEVICE_MODELS. Throws ADDON_UNAVAILABLE. */
export function cudaDeviceModels(): CudaDeviceModel[] {
  return callNative(() => addon().cudaDeviceModels());
}

/**
 * The model whose rates a device is planned with. Throws DEVICE_UNAVAILABLE for a device before compute capability 8.0,
 * or ADDON_UNAVAILABLE.
 */
export function cudaDeviceModelOf(device: { name: string; computeMajor: number; computeMinor: number }) {
  const { name, computeMajor, computeMinor } = device;
  return callNative(() => addon().cudaDeviceModelOf(name, computeMajor, computeMinor)) as CudaDeviceModelName;
}
