import { addon } from './addon.js';
import { type JobOptions, runJob } from './job.js';
import type { ConvolutionMeasurement } from './native.js';

/** Seconds that the engine's own GEMM takes for two random n×n float32 matrices. */
export async function measureGemm(n: number, threads = 0, options?: JobOptions): Promise<number> {
  const { measureGemm } = addon();
  return runJob<number>((done) => measureGemm(n, threads, done), options);
}

/** Seconds that one hyper-convolution takes on random data. */
export async function measureConvolution(measurement: ConvolutionMeasurement, options?: JobOptions): Promise<number> {
  const { measureConvolution } = addon();
  return runJob<number>((done) => measureConvolution(measurement, done), options);
}
