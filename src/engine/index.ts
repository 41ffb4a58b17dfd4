/** The only folder that uses the addon: loading it, models in native memory, jobs, memory, errors. */

export { formatBytes, parseBytes } from '../byte-counts.js';
export { addonPath, cpuInfo } from './addon.js';
export { availableMemoryBytes } from './available-memory.js';
export { LARGEST_BATCH } from './batch.js';
export {
  type AdapterGradient,
  CausalEngine,
  type CausalEngineOptions,
  type GeneratedSequence,
  type GenerationOptions,
} from './causal.js';
export { type CausalSequences, IGNORED_LABEL, labelledCounts, type SequenceAdapters } from './causal-batch.js';
export { CausalTrainerEngine, type CausalTrainerEngineOptions, type CausalTrainingNeed } from './causal-trainer.js';
export { DecoderEngine, type DecoderEngineOptions, type Feature } from './decoder.js';
export {
  type CudaInfo,
  checkDevice,
  checkEngineSettings,
  cpuUse,
  type Device,
  type DeviceSettings,
  type DeviceUse,
  deviceInfo,
  examineDevices,
  PRECISIONS,
  type Precision,
  type PrecisionName,
  selectDevice,
} from './device.js';
export { EncoderEngine, type EncoderEngineOptions } from './encoder.js';
export type { JobOptions } from './job.js';
export type { ParameterPlace } from './mappable.js';
export {
  type ConvolutionParts,
  type ConvolutionRequest,
  type ConvolutionTimes,
  type MeasureOptions,
  measureConvolution,
  measureCopy,
  measureGemm,
} from './measure.js';
export { MemoryBudget, type MemoryNeed } from './memory-budget.js';
export type { EngineOptions, ModelEngine } from './model.js';
export type {
  AlgorithmChoice,
  CpuInfo,
  CudaDevice,
  DeviceInfo,
  EncodeOptions,
  EncoderArchitecture,
  EncoderSizes,
  FlatLayout,
  InstructionSet,
  ParameterDtype,
  ParameterInfo,
  PrecisionChoice,
} from './native.js';
export type {
  CausalPassMemory,
  CausalSizes,
  CausalTrainingMemory,
  LikelihoodSum,
  LoraShape,
  SequenceLikelihood,
  TrainedParameters,
} from './native-language.js';
export type {
  ConvolutionPlan,
  CudaConvolutionPlan,
  CudaDecoderPlan,
  CudaDeviceModel,
  DecoderPlan,
  Tiling,
} from './native-plan.js';
export type { OptimiserOptions, StateInfo, TaskSums, TrainingMemory, TrainingPlan } from './native-training.js';
export {
  ALGORITHM_CHOICES,
  CUDA_DEVICE_MODELS,
  type CudaDeviceModelName,
  type CudaPlanOptions,
  cudaDeviceModelOf,
  cudaDeviceModels,
  INSTRUCTION_SETS,
  type PlanOptions,
  PRECISION_CHOICES,
  planCudaDecoder,
  planCudaEncoder,
  planDecoder,
  planTraining,
  type TrainingPlanRequest,
} from './plan.js';
export { type ProcessMemory, processMemory } from './process-memory.js';
export { abortAtSignals, type StopSignal } from './process-signals.js';
export { reconstructAdapters } from './reconstruct.js';
export {
  TrainerEngine,
  type TrainerEngineOptions,
  type TrainingNeed,
  type TrainingNoise,
  type TrainingTasks,
  trainingDevice,
} from './trainer.js';
