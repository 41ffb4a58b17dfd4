import type { Evaluation } from '../training/metrics.js';
import { RESPONSE_KINDS, type ResponsePoint, responsePoints } from './responses.js';
import { change, percent, short } from './text.js';

/** Whether a run works so far. */
export interface Assessment {
  state: 'early' | 'working' | 'slow' | 'failing';
  /** One short sentence. */
  headline: string;
}

interface Limits {
  /** Minimum relative difference for a loss to count as above or below another. */
  noticeable: number;
  /** Steps below which it is too early to say, and from which no progress is a failure. */
  first: number;
  enough: number;
}

/**
 * Judges a run with a behaviour loss by what counts: how likely the base with generated adapters gives responses, of
 * held-out tasks if there are any. The training loss alone says little, since few adapters can learn a few tasks by heart.
 */
export function judgeResponses(step: number, evaluations: readonly Evaluation[], limits: Limits): Assessment {
  const kind = RESPONSE_KINDS.find((each) => responsePoints(evaluations, each).length > 0);
  const points = kind ? responsePoints(evaluations, kind) : [];
  const [start, last] = [points[0], points.at(-1)];
  if (!kind || !start || !last || points.length < 2)
    return { state: 'early', headline: 'Too early to say: responses have not been evaluated twice.' };
  const of = `responses of ${kind.label}`;
  const { noticeable } = limits;
  const rises = last.loss > (1 + noticeable) * bestOf(points).loss;
  if (!Number.isFinite(last.loss) || last.loss > (1 + noticeable) * start.loss)
    return { state: 'failing', headline: `Not working: ${of} become less likely.` };
  if (last.loss < (1 - noticeable) * start.loss)
    return rises
      ? { state: 'slow', headline: `Past its best: ${of} become less likely again.` }
      : { state: 'working', headline: `Working: with generated adapters ${of} become likelier.` };
  if (rises) return { state: 'failing', headline: `Past its best: ${of} are no likelier than at first again.` };
  if (step < limits.first) return { state: 'early', headline: `Too early to say: ${of} are no likelier yet.` };
  if (step < limits.enough) return { state: 'slow', headline: `Slow: ${of} are no likelier than at first yet.` };
  return { state: 'failing', headline: `Not working: ${of} are no likelier than at first.` };
}

/** What was measured of each kind of tasks. */
export function responseReasons(evaluations: readonly Evaluation[], noticeable: number): string[] {
  return RESPONSE_KINDS.flatMap((kind) => {
    const points = responsePoints(evaluations, kind);
    const [start, last] = [points[0], points.at(-1)];
    if (!start || !last) return [];
    const [losses, answers] =
      points.length > 1
        ? [change(start.loss, last.loss), `${percent(start.exactMatch)} at first, ${percent(last.exactMatch)} now`]
        : [short(last.loss), percent(last.exactMatch)];
    const best = bestOf(points);
    const sentences = [`Response loss of ${kind.label}: ${losses}; exact answers: ${answers}.`];
    if (last.loss > (1 + noticeable) * best.loss)
      sentences.push(
        `It was lowest, ${short(best.loss)}, at step ${best.step}: a checkpoint from there may be the better one.`,
      );
    return sentences;
  });
}

function bestOf(points: readonly ResponsePoint[]): ResponsePoint {
  return points.reduce((lowest, each) => (each.loss < lowest.loss ? each : lowest));
}
