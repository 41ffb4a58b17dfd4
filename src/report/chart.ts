import type { Evaluation, TaskEvaluation, TrainingStep } from '../training/metrics.js';
import { type Curve, curveOf, thin } from './curve.js';

/** The data that pages/training.js draws. */
export interface Chart {
  title: string;
  /** Of the y axis. */
  axis: string;
  scale: 'linear' | 'logarithmic';
  /** Of the y axis, if several charts share one. */
  range?: [from: number, to: number];
  /** End of the x axis. */
  lastStep: number;
  series: Series[];
  /** Horizontal lines across the whole chart. */
  lines: { label: string; value: number }[];
  /** Points that a curve should pass. */
  marks: { label: string; step: number; value: number }[];
}

export interface Series {
  label: string;
  colour: Colour;
  look: Look;
  steps: readonly number[];
  /** null: a gap. */
  values: (number | null)[];
}

/** A custom property of pages/training.css. */
export type Colour = 'training' | 'checkpoints' | 'task' | 'cosine';
export type Look = 'faint' | 'line' | 'dots';

/** Style of each kind of evaluated checkpoints. */
export const HELD_OUT: readonly { heldOut: TaskEvaluation['heldOut']; label: string; colour: Colour }[] = [
  { heldOut: 'checkpoints', label: 'held-out checkpoints', colour: 'checkpoints' },
  { heldOut: 'task', label: 'held-out tasks', colour: 'task' },
  { heldOut: 'none', label: 'evaluated, not held out', colour: 'checkpoints' },
];

/** A curve with a larger range is drawn logarithmically. */
const LINEAR_SPAN = 100;

/**
 * A curve with at most `buckets` smallest and largest values, rounded: five digits are more than the drawing can show.
 */
export function series(label: string, colour: Colour, look: Look, curve: Curve, buckets: number): Series {
  const { steps, values } = thin(curve, buckets);
  return { label, colour, look, steps, values: values.map(rounded) };
}

function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(5)) : null;
}

export function hasValues({ values }: Series): boolean {
  return values.some((value) => value !== null);
}

export function curveOfSteps(steps: readonly TrainingStep[], read: (step: TrainingStep) => number): Curve {
  return curveOf(steps, ({ step }) => step, read);
}

/** Points on either side over which a curve is smoothed: more for longer runs. */
export function smoothingReach(points: number): number {
  return Math.min(200, Math.floor(points / 40));
}

export function lastStepOf(steps: readonly TrainingStep[], evaluations: readonly Evaluation[]): number {
  return Math.max(steps.at(-1)?.step ?? 0, evaluations.at(-1)?.evaluation ?? 0, 1);
}

export function scaleOf(all: readonly Series[]): Chart['scale'] {
  const [lowest, highest] = boundsOf(all);
  return lowest > 0 && highest > LINEAR_SPAN * lowest ? 'logarithmic' : 'linear';
}

/**
 * A y axis that fits all values, from 0 if it is linear.
 * @param atLeast a value that must fit as well
 */
export function rangeOf(all: readonly Series[], scale: Chart['scale'], atLeast?: number): Pick<Chart, 'range'> {
  const [lowest, highest] = boundsOf(all);
  if (highest < lowest) return {};
  if (scale === 'logarithmic')
    return { range: [10 ** Math.floor(Math.log10(lowest)), 10 ** Math.ceil(Math.log10(highest))] };
  return { range: [Math.min(0, 1.08 * lowest), 1.08 * Math.max(highest, atLeast ?? highest)] };
}

function boundsOf(all: readonly Series[]): [lowest: number, highest: number] {
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of all.flatMap(({ values }) => values)) {
    if (value === null) continue;
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  return [lowest, highest];
}
