import {
  type AlgorithmChoice,
  type CudaConvolutionPlan,
  type CudaDecoderPlan,
  type CudaDeviceModelName,
  type PrecisionChoice,
  planCudaDecoder,
} from '../engine/index.js';
import { decoderToPlan, type PlannedDecoder, type PlanSource } from './source.js';

export interface CudaPlanSettings extends PlanSource {
  device: CudaDeviceModelName;
  /** Tasks in one batch; default: 1. */
  batch?: number | undefined;
  /** Default: mixed. */
  precision?: PrecisionChoice | undefined;
  /** Default: auto. */
  algorithm?: AlgorithmChoice | undefined;
  /** Workspace limit of a convolution; default: 1 GiB, less if memory is short. */
  workspaceBytes?: number | undefined;
  /** Device memory limit; default: the model's. */
  memoryBytes?: number | undefined;
}

/** The output of `dnd plan --device … --json`. Times are modelled from the manufacturers' rates, never measured. */
export interface CudaGeneratorPlan extends PlannedDecoder {
  device: CudaDeviceModelName;
  batch: number;
  precision: PrecisionChoice;
  algorithm: AlgorithmChoice;
  workspaceBytes: number;
  memoryBytes: number;
  convolutions: CudaConvolutionPlan[];
  totals: {
    predictedSeconds: number;
    /** Of all convolutions, and of the layer normalisations' statistics. */
    parts: CudaDecoderPlan['parts'];
    executedFlop: number;
    directFlop: number;
    bytes: CudaDecoderPlan['bytes'];
  };
}

/**
 * Plans each convolution of a generator's decoder for a CUDA device model, without weights or a device.
 * @throws DndError INVALID_ARGUMENT, OUT_OF_MEMORY, ADDON_UNAVAILABLE, and what `decoderToPlan` throws
 */
export async function planGeneratorOnCuda(settings: CudaPlanSettings): Promise<CudaGeneratorPlan> {
  const { device, batch = 1, precision = 'mixed', algorithm = 'auto', workspaceBytes, memoryBytes } = settings;
  const source = await decoderToPlan(settings);
  const { features, kernelSize } = source.decoder;
  const planned = planCudaDecoder({
    features,
    kernelSize,
    batch,
    deviceModel: device,
    precision,
    algorithm,
    workspaceBytes,
    memoryBytes,
  });
  const { seconds, parts, executedFlop, directFlop, bytes } = planned;
  return {
    ...source,
    device,
    batch,
    precision,
    algorithm,
    workspaceBytes: planned.workspaceBytes,
    memoryBytes: planned.memoryBytes,
    convolutions: planned.convolutions,
    totals: { predictedSeconds: seconds, parts, executedFlop, directFlop, bytes },
  };
}
