import { addon } from './addon.js';
import { type JobOptions, runJob } from './job.js';
import { deviceOf, type EngineOptions } from './model.js';
import type { ConvolutionMeasurement, Measured, MeasuredConvolution, MeasurementRuns } from './native.js';

/** Options of a measurement on random data, with one untimed warm-up run. */
export interface MeasureOptions extends JobOptions, Omit<EngineOptions, 'memoryLimitBytes'> {
  /** Default: 1. */
  runs?: number | undefined;
  /** No further run starts once the runs have taken this long in total; default: no limit. */
  enoughSeconds?: number | undefined;
}

type Optional = 'batch' | 'algorithm' | 'workspaceBytes';

/** Defaults: a batch of 1, the algorithm and workspace that the decoder would use. */
export interface ConvolutionRequest
  extends Omit<ConvolutionMeasurement, Optional>,
    Partial<Pick<ConvolutionMeasurement, Optional>>,
    Omit<MeasureOptions, keyof JobOptions> {}

/** Processor seconds of a spectral convolution, summed over the threads. */
export interface ConvolutionParts {
  /** Tiles to spectra. */
  forward: number;
  /** The weights' transform along the halved axis, and along the other. */
  halve: number;
  columns: number;
  /** The complex product. */
  product: number;
  /** Spectra to the result. */
  inverse: number;
}

export interface ConvolutionTimes {
  /** Of each run, in order. */
  seconds: number[];
  algorithm: 'direct' | 'spectral';
  /** Of the median run. null for the direct algorithm. */
  parts: ConvolutionParts | null;
  /** Floating-point operations of the complex product. null for the direct algorithm. */
  productFlop: number | null;
  /** Points of a tile along both spatial axes. null for the direct algorithm. */
  tilePoints: [number, number] | null;
}

/** Seconds of each product of two random n×n float32 matrices with the engine's GEMM. */
export async function measureGemm(n: number, options: MeasureOptions = {}): Promise<number[]> {
  const { measureGemm } = addon();
  const runs = await runsOf(options);
  return (await runJob<Measured>((done) => measureGemm(n, runs, done), options)).seconds;
}

/**
 * Seconds of each copy of this many bytes by all CPU threads. They give the memory bandwidth if the bytes far exceed
 * the caches; counting reads and writes, a run moves twice as many.
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
