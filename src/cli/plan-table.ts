import { formatBytes, type Tiling } from '../engine/index.js';
import type { DecoderShape } from '../generator/decoder-shape.js';
import type { GeneratorPlan, PlannedConvolution } from '../plan/plan.js';
import type { PlannedDecoder } from '../plan/source.js';
import { counted, grouped, list, shortNumber, table } from './table.js';

/** The text output of a plan: a heading, a row per convolution, totals; with `why` also rejected alternatives. */
export function planLines(plan: GeneratorPlan, why = false): string[] {
  return [
    ...heading(plan),
    '',
    ...convolutionTable(plan),
    ...(plan.convolutions.some(({ tiling }) => tiling) ? [HALVED] : []),
    ...(why ? ['', ...plan.convolutions.flatMap((convolution) => reasons(convolution))] : []),
    '',
    ...totals(plan),
  ];
}

export const HALVED = '* halved axis: transformed first, as real lines';

function heading(plan: GeneratorPlan): string[] {
  const workspace = `${formatBytes(plan.workspaceBytes)} workspace`;
  return list([
    ...decoderEntries(plan),
    ['planned for', `batch ${plan.batch}, ${plan.instructionSet}, algorithm ${plan.algorithm}, ${workspace}`],
  ]);
}

/** The heading of a plan. */
export function decoderEntries({ generator, preset, decoder }: PlannedDecoder): (readonly [string, string])[] {
  return [
    ...(generator === null ? [] : [['generator', generator] as const]),
    ...(preset === null ? [] : [['preset', preset] as const]),
    ['features', decoder.features.map((feature) => `(${feature.join(', ')})`).join(' ')],
    ['kernel size', String(decoder.kernelSize)],
  ];
}

function convolutionTable({ convolutions, threads, totals }: GeneratorPlan): string[] {
  const measuring = totals.measuredSeconds !== null;
  const header = ['convolution', 'channels', 'plane', 'algorithm', 'points', 'tiles', 'GFLOP', 'direct'];
  const rows = convolutions.map((convolution) => {
    const { channels, outputChannels, sizeI, sizeJ, algorithm, bytes, predicted, measured } = convolution;
    return [
      nameOf(convolution),
      `${channels} → ${outputChannels}`,
      `${sizeI} × ${sizeJ}`,
      algorithm,
      ...tilingCells(convolution),
      Number(shortNumber(convolution.executedFlop / 1e9)),
      Number(shortNumber(convolution.directFlop / 1e9)),
      formatBytes(bytes.weights + bytes.input + bytes.output),
      bytes.tileSpectra === 0 ? '-' : formatBytes(bytes.tileSpectra),
      milliseconds(predicted.threadSeconds / threads),
      ...(measured ? [milliseconds(measured.seconds)] : []),
    ];
  });
  const last = ['bytes', 'spectra', 'predicted ms', ...(measuring ? ['measured ms'] : [])];
  return table([...header, ...last], rows);
}

/** The end of the parameter's name: `0.linear1.conv1w` of `decoder.module_list.0.linear1.conv1w.weight`. */
export function nameOf({ layer, weight }: Pick<PlannedConvolution, 'layer' | 'weight'>): string {
  return `${layer}.${weight}`;
}

type Cut = Pick<Tiling, 'pointsI' | 'pointsJ' | 'halved' | 'tiles' | 'chunks'>;

export function tilingCells({ tiling }: { tiling: Cut | null }): [points: string, tiles: string] {
  if (tiling === null) return ['-', '-'];
  const { pointsI, pointsJ, halved, tiles, chunks } = tiling;
  const points = halved === 'i' ? `${pointsI}* × ${pointsJ}` : `${pointsI} × ${pointsJ}*`;
  return [points, chunks > 1 ? `${tiles} in ${chunks}` : String(tiles)];
}

export function milliseconds(seconds: number): number {
  return Number((1e3 * seconds).toPrecision(3));
}

function reasons(convolution: PlannedConvolution): string[] {
  const { algorithm, predicted, rejected } = convolution;
  const parts = Object.entries(predicted.parts ?? {}).map(([part, seconds]) => `${part} ${milliseconds(seconds)}`);
  const shares = parts.length > 0 ? `: ${parts.join(', ')}` : '';
  return [
    `${nameOf(convolution)} is ${algorithm}, ${milliseconds(predicted.threadSeconds)} ms of one thread${shares}`,
    ...rejected.map(({ candidate, reason }) => `  not ${candidate}: ${reason}`),
  ];
}

function totals({ convolutions, decoder, threads, totals }: GeneratorPlan): string[] {
  const { executedFlop, directFlop, predictedSeconds, measuredSeconds, largestTileSpectraBytes } = totals;
  const measured = measuredSeconds === null ? '' : `, measured ${seconds(measuredSeconds)}`;
  return [
    [
      `${counted(convolutions.length, 'convolution')}: predicted ${seconds(predictedSeconds)} on ${counted(threads, 'thread')}${measured}`,
      `${gigaflop(executedFlop)} GFLOP instead of ${gigaflop(directFlop)} direct`,
      `largest tile spectra ${formatBytes(largestTileSpectraBytes)}`,
    ].join('; '),
    ...projectionLines(decoder),
  ];
}

export function projectionLines({ projectedFrom, features }: DecoderShape): string[] {
  if (!projectedFrom) return [];
  return [`Not included: the length projection, ${projectedFrom} → ${features[0]![1]}, which is not a convolution.`];
}

export function gigaflop(flop: number): string {
  const value = Number(shortNumber(flop / 1e9));
  return value >= 1000 ? grouped(value) : String(value);
}

function seconds(value: number): string {
  return `${Number(value.toPrecision(3))} s`;
}
