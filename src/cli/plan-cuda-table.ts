import { type CudaConvolutionPlan, formatBytes } from '../engine/index.js';
import type { CudaGeneratorPlan } from '../plan/cuda.js';
import { decoderEntries, gigaflop, HALVED, milliseconds, nameOf, projectionLines, tilingCells } from './plan-table.js';
import { counted, list, shortNumber, table } from './table.js';

/**
 * The text output of a plan for a CUDA device model; with `why` also the parts of each time and rejected alternatives.
 */
export function cudaPlanLines(plan: CudaGeneratorPlan, why = false): string[] {
  return [
    ...heading(plan),
    '',
    ...convolutionTable(plan),
    ...(plan.convolutions.some(({ tiling }) => tiling) ? [HALVED] : []),
    ...(why ? ['', ...plan.convolutions.flatMap(reasons)] : []),
    '',
    ...totals(plan),
  ];
}

function heading(plan: CudaGeneratorPlan): string[] {
  const { batch, device, precision, algorithm, memoryBytes } = plan;
  return list([
    ...decoderEntries(plan),
    [
      'planned for',
      `batch ${batch}, ${device}, precision ${precision}, algorithm ${algorithm}, ${formatBytes(memoryBytes)} of memory`,
    ],
  ]);
}

function convolutionTable({ convolutions }: CudaGeneratorPlan): string[] {
  const header = [
    'convolution',
    'channels',
    'plane',
    'algorithm',
    'points',
    'tiles',
    'product',
    'GFLOP',
    'direct',
    'resident as',
    'held',
    'workspace',
    'modelled µs',
  ];
  const rows = convolutions.map((convolution) => {
    const { channels, outputChannels, sizeI, sizeJ, algorithm, bytes, predicted, tiling, spectraHeld } = convolution;
    return [
      nameOf(convolution),
      `${channels} → ${outputChannels}`,
      `${sizeI} × ${sizeJ}`,
      algorithm,
      ...tilingCells(convolution),
      tiling === null ? '-' : `${tiling.productTiles} × ${tiling.productOutputChannels}`,
      Number(shortNumber(convolution.executedFlop / 1e9)),
      Number(shortNumber(convolution.directFlop / 1e9)),
      spectraHeld ? 'spectra' : 'taps',
      formatBytes(bytes.held),
      tiling === null ? '-' : formatBytes(bytes.workspace),
      microseconds(predicted.seconds),
    ];
  });
  return table(header, rows);
}

function reasons(convolution: CudaConvolutionPlan): string[] {
  const { algorithm, predicted, rejected } = convolution;
  const parts = Object.entries(predicted.parts).filter(([, seconds]) => seconds > 0);
  return [
    `${nameOf(convolution)} is ${algorithm}, ${microseconds(predicted.seconds)} µs: ${shares(parts, microseconds)}`,
    ...rejected.map(({ candidate, reason }) => `  not ${candidate}: ${reason}`),
  ];
}

function shares(parts: [name: string, seconds: number][], show: (seconds: number) => number): string {
  return parts.map(([part, seconds]) => `${part} ${show(seconds)}`).join(', ');
}

function totals({ convolutions, decoder, totals, device }: CudaGeneratorPlan): string[] {
  const { predictedSeconds, parts, executedFlop, directFlop, bytes } = totals;
  const times = Object.entries(parts).filter(([, seconds]) => seconds > 0);
  return [
    `${counted(convolutions.length, 'convolution')}: modelled ${milliseconds(predictedSeconds)} ms on ${device} (${shares(times, milliseconds)}); ${gigaflop(executedFlop)} GFLOP instead of ${gigaflop(directFlop)} direct`,
    `device memory ${formatBytes(bytes.device)}: weights ${formatBytes(bytes.weights)}, activations ${formatBytes(bytes.activations)}, workspace ${formatBytes(bytes.workspace)}, norms and biases ${formatBytes(bytes.values)}`,
    "Times are modelled from the vendor's figures (native/plan/cuda_rates.cc); nothing has been measured on such a device.",
    ...projectionLines(decoder),
  ];
}

function microseconds(seconds: number): number {
  return Number((1e6 * seconds).toPrecision(3));
}
