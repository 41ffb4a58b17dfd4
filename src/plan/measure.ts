import { steadyProgress } from '../async/index.js';
import { type ConvolutionParts, type ConvolutionPlan, MemoryBudget, measureConvolution } from '../engine/index.js';

/** Seconds of wall-clock time, on random data, with the requested number of threads. */
export interface MeasuredTimes {
  /** The median of the runs. */
  seconds: number;
  runs: number[];
  /** Thread-seconds of the parts of the median run; null for the direct algorithm. */
  parts: ConvolutionParts | null;
}

export interface MeasureOptions {
  threads: number;
  /** Predicted seconds. */
  workspaceBytes: number;
  signal?: AbortSignal | undefined;
  /** Called with the growing fraction done, by predicted time; first with 0. */
  onProgress?: ((fraction: number) => void) | undefined;
}

const RUNS = 3;
/** No further run starts after this total time. */
const ENOUGH_SECONDS = 2;

/**
 * Runs the planned convolutions, each distinct one once; results are in the order of the plans.
 * @throws DndError OUT_OF_MEMORY; the signal's reason
 */
export async function measureConvolutions(
  plans: readonly ConvolutionPlan[],
  { threads, workspaceBytes, signal, onProgress }: MeasureOptions,
): Promise<MeasuredTimes[]> {
  const keys = plans.map(keyOf);
  const distinct = plans.filter((_, index) => keys.indexOf(keys[index]!) === index);
  const whole = sum(distinct.map(({ predicted }) => predicted.threadSeconds));
  const how = { workspaceBytes, threads, runs: RUNS, enoughSeconds: ENOUGH_SECONDS };
  const measured = new Map<string, MeasuredTimes>();
  let done = 0;
  const report = steadyProgress(onProgress);
  report(done); // the first convolution may take a while
  for (const plan of distinct) {
    const share = plan.predicted.threadSeconds;
    new MemoryBudget(undefined).require(needOf(plan));
    const request = { ...sizesOf(plan), algorithm: plan.algorithm, ...how };
    const { seconds, parts } = await measureConvolution(request, {
      signal,
      onProgress: (fraction) => report(Math.min(1, (done + fraction * share) / whole)),
    });
    measured.set(keyOf(plan), { seconds: median(seconds), runs: seconds, parts });
    done += share;
  }
  return keys.map((key) => measured.get(key)!);
}

/** Plans with the same key describe the same work. */
function keyOf(plan: ConvolutionPlan): string {
  return JSON.stringify([sizesOf(plan), plan.algorithm]);
}

/** The input's tokens, height and width: all but the channel axis are spatial. */
function sizesOf({ axis, batch, channels, outputChannels, sizeI, sizeJ, kernelSize }: ConvolutionPlan) {
  const input = {
    width: { tokens: sizeJ, height: sizeI, width: channels },
    height: { tokens: sizeI, height: channels, width: sizeJ },
    token: { tokens: channels, height: sizeI, width: sizeJ },
  }[axis];
  return { axis, ...input, outputChannels, kernelSize, batch };
}

function needOf({ layer, weight, bytes }: ConvolutionPlan) {
  return {
    purpose: `measuring ${layer}.${weight}`,
    // A lower bound; the threads' own memory is small.
    bytes: bytes.weights + bytes.input + bytes.output + bytes.tileSpectra,
    lower: 'lower the batch',
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
