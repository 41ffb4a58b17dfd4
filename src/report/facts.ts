import { describedCondition } from '../generator/condition-text.js';
import { described } from '../generator/encoder-folder.js';
import { describedNormalisation } from '../generator/normalisation-text.js';
import { mean } from './curve.js';
import { RESPONSE_KINDS, responsePoints } from './responses.js';
import type { Run } from './run-folder.js';
import { percent, short } from './text.js';

type Fact = readonly [name: string, value: string];

/** The settings and inputs of a run. */
export function factsOf({ description, folder }: Run): { title: string; facts: Fact[] }[] {
  const { base, encoder, decoder, adapter, parameters, weightTokens, pairs, settings } = description;
  const projection = decoder.projectedFrom ? `, length projection from ${decoder.projectedFrom}` : '';
  const scaling = adapter.useRslora ? ', rsLoRA' : '';
  const generator: Fact[] = [
    ['base model', `${base.name ?? 'unnamed'} (${base.modelType}, ${base.layers} layers, hidden size ${base.hidden})`],
    ['adapter', `rank ${adapter.rank}, alpha ${adapter.alpha}${scaling}: ${adapter.modules.join(', ')}`],
    [
      'weight tokens',
      `${grouped(weightTokens.count)} of ${weightTokens.height} × ${weightTokens.width}, ${describedNormalisation(adapter)}`,
    ],
    ['encoder', described(encoder)],
    ['condition', describedCondition(description)],
    ['decoder', `${grouped(parameters)} parameters, kernel size ${decoder.kernelSize}${projection}`],
    ['features', decoder.features.map((feature) => `(${feature.join(', ')})`).join(' ')],
    ...(description.preset === null ? [] : [['preset', description.preset] as const]),
  ];
  const trained = pairs.tasks.filter(({ heldOut }) => !heldOut);
  const sum = (of: (task: (typeof trained)[number]) => number, tasks = pairs.tasks) =>
    grouped(tasks.reduce((total, task) => total + of(task), 0));
  const counts: Fact[] = [
    ['pairs', pairs.folder],
    ['tasks', `${trained.length} trained on, ${pairs.tasks.length - trained.length} held out`],
    ['prompts', sum(({ prompts }) => prompts)],
    [
      'checkpoints',
      pairs.tasks.every(({ checkpoints }) => checkpoints === 0)
        ? 'none'
        : `${sum(({ checkpoints, heldOutCheckpoints }) => checkpoints - heldOutCheckpoints, trained)} trained on, ${sum(
            ({ heldOutCheckpoints }) => heldOutCheckpoints,
            trained,
          )} of the same tasks held out, ${pairs.skipped} skipped as damaged`,
    ],
    ['digest', pairs.digest],
    ['run', folder],
  ];
  const settingFacts = Object.entries(settings).map(([name, value]) => [name, shown(value)] as const);
  return [
    { title: 'Generator', facts: generator },
    { title: 'Prompt–checkpoint pairs', facts: counts },
    { title: 'Settings', facts: settingFacts },
  ];
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
}

export interface Tile {
  name: string;
  value: string;
  more?: string;
}

const RECENT_STEPS = 50;

/** The progress of a run in a few numbers. */
export function tilesOf({ steps, evaluations, description }: Run): Tile[] {
  const ofWhat =
    description.adapter.normalisation === 'residual' ? { more: 'of deviations from the mean adapter' } : {};
  const last = steps.at(-1);
  const recent = steps.slice(-RECENT_STEPS);
  const secondsPerStep = mean(recent.map(({ seconds }) => seconds));
  const waiting = mean(recent.map(({ seconds, dataSeconds }) => dataSeconds / seconds));
  const spent = steps.reduce((sum, { seconds }) => sum + (Number.isFinite(seconds) ? seconds : 0), 0);
  const left = Math.max(0, description.settings.steps - (last?.step ?? 0));
  const evaluation = evaluations.findLast(({ tasks }) => tasks.length > 0);
  const cosine = mean(evaluation?.tasks.map(({ cosine }) => cosine) ?? []);
  const tiles: (Tile | false)[] = [
    { name: 'step', value: grouped(last?.step ?? 0), more: `of ${grouped(description.settings.steps)}` },
    last !== undefined && { name: 'training loss', value: short(mean(recent.map(({ loss }) => loss))) },
    ...answerTiles(evaluations),
    last !== undefined &&
      last.normRatio !== null && {
        name: 'norm ratio',
        value: short(mean(recent.slice(-10).map(({ normRatio }) => normRatio ?? Number.NaN))),
        ...ofWhat,
      },
    Number.isFinite(cosine) && {
      name: 'held-out cosine',
      value: short(cosine),
      more: `at step ${evaluation!.evaluation}`,
    },
    Number.isFinite(secondsPerStep) && {
      name: 'time per step',
      value: duration(secondsPerStep),
      ...(Number.isFinite(waiting) ? { more: `${short(100 * waiting)} % waiting for data` } : {}),
    },
    spent > 0 && {
      name: 'time',
      value: duration(spent),
      ...(left > 0 ? { more: `about ${duration(left * secondsPerStep)} left` } : {}),
    },
  ];
  return tiles.filter((tile) => tile !== false);
}

/** The latest answers of each kind of tasks. */
function answerTiles(evaluations: Run['evaluations']): Tile[] {
  return RESPONSE_KINDS.flatMap((kind) => {
    const last = responsePoints(evaluations, kind).at(-1);
    if (!last) return [];
    const more = `of ${kind.label}, at step ${last.step}; loss ${short(last.loss)}`;
    return { name: 'exact answers', value: percent(last.exactMatch), more };
  });
}

/** `340 ms`, `12.3 s`, `5 min 3 s`, `7 h 12 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${short(1000 * seconds)} ms`;
  if (seconds < 60) return `${short(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
