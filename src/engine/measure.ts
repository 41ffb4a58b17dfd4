import { addon } from './addon.js';
import { type JobOptions, runJob } from './job.js';
import { deviceOf, type EngineOptions } from './model.js';
import type { ConvolutionMeasurement, Measured, MeasuredConvolution, MeasurementRuns } from './native.js';

/** What the runs of a measurement share; the data are random, and a run that is not timed comes first. */
export interface MeasureOptions extends JobOptions, Omit<EngineOptions, 'memoryLimitBytes'> {
  /** Default: 1. */
  runs?: number | undefined;
  /** No further run begins once the runs have taken so long together; default: all are made. */
  enoughSeconds?: number | undefined;
}

type Optional = 'batch' | 'algorithm' | 'workspaceBytes';

/** Defaults: a batch of 1, the algorithm and workspace that the decoder would take. */
export interface ConvolutionRequest
  extends Omit<ConvolutionMeasurement, Optional>,
    Partial<Pick<ConvolutionMeasurement, Optional>>,
    Omit<MeasureOptions, keyof JobOptions> {}

/** Processor seconds of a spectral convolution, summed over the threads. */
export interface ConvolutionParts {
  /** Tiles to spectra. */
  forward: number;
  /** The weights' transform along the axis that is halved, and along the other. */
  halve: number;
  columns: number;
  /** The complex product. */
  product: number;
  /** Spectra to the result. */
  inverse: number;
}

export interface ConvolutionTimes {
  /** Of each run, in their order. */
  seconds: number[];
  algorithm: 'direct' | 'spectral';
  /** Of the run that took the median time. null for the direct algorithm. */
  parts: ConvolutionParts | null;
  /** Floating-point operations of the complex product. null for the direct algorithm. */
  productFlop: number | null;
  /** Points of a tile along both axes of the picture. null for the direct algorithm. */
  tilePoints: [number, number] | null;
}

/** Seconds of each product of two random n×n float32 matrices by the engine's own GEMM. */
export async function measureGemm(n: number, options: MeasureOptions = {}): Promise<number[]> {
  const { measureGemm } = addon();
  const runs = await runsOf(options);
  return (await runJob<Measured>((done) => measureGemm(n, runs, done), options)).seconds;
}

/**
 * Seconds of each copy of so many bytes by all threads of the CPU. They tell the memory's rate where the bytes are far more than the
 * caches hold; counted as read and written, a run moves twice as many.
 */
export async function measureCopy(bytes: number, options: MeasureOptions = {}): Promise<number[]> {
  const { measureCopy } = addon();
  const runs = await runsOf({ ...options, device: 'cpu' });
  return (await runJob<Measured>((done) => measureCopy(bytes, runs, done), options)).seconds;
}

/** Times of one hyper-convolution on random data, without normalisation and bias. */
export async function measureConvolution(request: ConvolutionRequest, options?: JobOptions): Promise<ConvolutionTimes> {
  const { measureConvolution } = addon();
  const { batch = 1, algorithm = 'auto', workspaceBytes = 0 } = request;
  const native = { ...request, batch, algorithm, workspaceBytes, ...(await runsOf(request)) };
  return timesOf(await runJob<MeasuredConvolution>((done) => measureConvolution(native, done), options));
}

async function runsOf(options: MeasureOptions): Promise<MeasurementRuns> {
  const { runs = 1, enoughSeconds = Number.MAX_VALUE } = options;
  const { native } = await deviceOf(options);
  return { ...native, runs, enoughSeconds };
}

function timesOf({ seconds, partSeconds, productFlop, pointsI, pointsJ }: MeasuredConvolution): ConvolutionTimes {
  if (!partSeconds) return { seconds, algorithm: 'direct', parts: null, productFlop: null, tilePoints: null };
  const [forward, halve, columns, product, inverse] = partSeconds;
  return {
    seconds,
    algorithm: 'spectral',
    parts: { forward, halve, columns, product, inverse },
    productFlop: productFlop!,
    tilePoints: [pointsI!, pointsJ!],
  };
}
