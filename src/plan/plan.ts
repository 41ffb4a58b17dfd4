import {
  type AlgorithmChoice,
  type ConvolutionPlan,
  cpuInfo,
  type InstructionSet,
  planDecoder,
} from '../engine/index.js';
import { DndError } from '../errors.js';
import { type MeasuredTimes, measureConvolutions } from './measure.js';
import { decoderToPlan, type PlannedDecoder, type PlanSource } from './source.js';

export interface PlanSettings extends PlanSource {
  /** Tasks in one batch; default: 1. */
  batch?: number | undefined;
  /** Default: this machine's. */
  instructionSet?: InstructionSet | undefined;
  /**
   * The plan does not depend on the number of threads, only the time does. Default: `DND_THREADS`, else the CPUs this
   * process can use.
   */
  threads?: number | undefined;
  /** Default: auto. */
  algorithm?: AlgorithmChoice | undefined;
  /** Workspace limit of a convolution; default: 1 GiB. */
  workspaceBytes?: number | undefined;
  /** Also run each distinct convolution on random data on this machine. */
  measure?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Called with the fraction of measurements done. */
  onProgress?: ((fraction: number) => void) | undefined;
}

export type PlannedConvolution = ConvolutionPlan & {
  /** null unless requested. */
  measured: MeasuredTimes | null;
};

/** The output of `dnd plan --json`. */
export interface GeneratorPlan extends PlannedDecoder {
  batch: number;
  instructionSet: InstructionSet;
  threads: number;
  algorithm: AlgorithmChoice;
  workspaceBytes: number;
  convolutions: PlannedConvolution[];
  totals: {
    /** Seconds of one thread, and of all threads with evenly shared work. */
    predictedThreadSeconds: number;
    predictedSeconds: number;
    /** null unless requested. */
    measuredSeconds: number | null;
    executedFlop: number;
    directFlop: number;
    largestTileSpectraBytes: number;
  };
}

/**
 * Plans each convolution of a generator's decoder, without its weights.
 * @throws DndError INVALID_ARGUMENT, ADDON_UNAVAILABLE, OUT_OF_MEMORY (measuring), and what `decoderToPlan` throws
 */
export async function planGenerator(settings: PlanSettings): Promise<GeneratorPlan> {
  const { batch = 1, algorithm = 'auto', signal, onProgress } = settings;
  signal?.throwIfAborted();
  const { isa, defaultThreads } = cpuInfo();
  const { instructionSet = isa, threads = defaultThreads } = settings;
  if (settings.measure) checkMeasurable(instructionSet, isa);
  const source = await decoderToPlan(settings);
  const { features, kernelSize } = source.decoder;
  const planned = planDecoder({
    features,
    kernelSize,
    batch,
    instructionSet,
    algorithm,
    workspaceBytes: settings.workspaceBytes,
  });
  const { workspaceBytes } = planned;
  const measured = settings.measure
    ? await measureConvolutions(planned.convolutions, { threads, workspaceBytes, signal, onProgress })
    : undefined;
  return {
    ...source,
    batch,
    instructionSet,
    threads,
    algorithm,
    workspaceBytes,
    convolutions: planned.convolutions.map((each, index) => ({ ...each, measured: measured?.[index] ?? null })),
    totals: {
      predictedThreadSeconds: planned.threadSeconds,
      predictedSeconds: planned.threadSeconds / threads,
      measuredSeconds: measured?.reduce((sum, { seconds }) => sum + seconds, 0) ?? null,
      executedFlop: planned.executedFlop,
      directFlop: planned.directFlop,
      largestTileSpectraBytes: planned.largestTileSpectraBytes,
    },
  };
}

function checkMeasurable(instructionSet: InstructionSet, isa: InstructionSet): void {
  if (instructionSet === isa) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `only the instruction set in use can be measured; expected ${isa}, got ${instructionSet}. Set DND_CPU_ISA to use another that the machine has`,
  );
}
