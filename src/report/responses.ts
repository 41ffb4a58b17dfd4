import type { Evaluation, ResponseEvaluation } from '../training/metrics.js';
import type { Colour } from './chart.js';
import { mean } from './curve.js';

/** A kind of tasks whose responses are evaluated. Those of which only checkpoints are held out have taught their responses. */
export interface ResponseKind {
  label: string;
  colour: Colour;
  includes: (responses: Pick<ResponseEvaluation, 'heldOut'>) => boolean;
}

/** What the loss of responses is. */
export const LIKELIHOOD = '−ln p of a token';

/** The most telling first. */
export const RESPONSE_KINDS: readonly ResponseKind[] = [
  { label: 'held-out tasks', colour: 'task', includes: ({ heldOut }) => heldOut === 'task' },
  { label: 'tasks trained on', colour: 'checkpoints', includes: ({ heldOut }) => heldOut !== 'task' },
];

/** Means over the tasks of a kind. */
export interface ResponsePoint extends Pick<ResponseEvaluation, 'loss' | 'exactMatch'> {
  /** Number of steps done before. */
  step: number;
}

/** Of each evaluation that includes tasks of the kind. */
export function responsePoints(evaluations: readonly Evaluation[], { includes }: ResponseKind): ResponsePoint[] {
  return evaluations.flatMap(({ evaluation, responses = [] }) => {
    const own = responses.filter(includes);
    if (own.length === 0) return [];
    const meanOf = (key: 'loss' | 'exactMatch') => mean(own.map((one) => one[key]));
    return { step: evaluation, loss: meanOf('loss'), exactMatch: meanOf('exactMatch') };
  });
}
