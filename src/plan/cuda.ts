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
  /** Tasks together; default: 1. */
  batch?: number | undefined;
  /** Default: mixed. */
  precision?: PrecisionChoice | undefined;
  /** Default: auto. */
  algorithm?: AlgorithmChoice | undefined;
  /** Most that a convolution may work in; default: 1 GiB, less where memory is short. */
  workspaceBytes?: number | undefined;
  /** Most device memory; default: the model's. */
  memoryBytes?: number | undefined;
}

/** What `dnd plan --device … --json` prints. Times are modelled: rates are the makers', never measured by us. */
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
    /** Of all convolutions, and of the moments of the layers' normalisations. */
    parts: CudaDecoderPlan['parts'];
    executedFlop: number;
    directFlop: number;
    bytes: CudaDecoderPlan['bytes'];
  };
}

/**
 * What each convolution of a generator's decoder would do on a CUDA device model, without its weights or the device.
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
