import type { Chart } from './chart.js';
import { factsOf, tilesOf } from './facts.js';
import { heatMapHtml } from './heat-map.js';
import { heatMapsOf } from './heat-maps.js';
import { dataScript, escapeHtml, htmlDocument, pageFile } from './html.js';
import { type Judgement, judgeRun } from './judgement.js';
import { runCharts } from './run-charts.js';
import type { Run } from './run-folder.js';
import { taskCharts } from './task-charts.js';
import { type TaskSummary, tasksOf } from './tasks.js';
import { percent, short } from './text.js';

/** The page of a run: one file that opens without a network and shows its figures even without scripts. */
export function pageOf(run: Run, judgement: Judgement = judgeRun(run)): string {
  const { name, description, notes } = run;
  const base = description.base.name ?? `an unnamed ${description.base.modelType} model`;
  const body = [
    `<header><h1>Training run ${escapeHtml(name)}</h1>`,
    `<p class="about">A generator of adapters for ${escapeHtml(base)}, by ${escapeHtml(description.createdBy)}</p></header>`,
    judgementHtml(judgement),
    tilesHtml(tilesOf(run)),
    ...notes.map((note) => `<p class="note">Note: ${escapeHtml(note)}.</p>`),
    overviewHtml(runCharts(run)),
    tasksHtml(run),
    heatHtml(run),
    ...factsOf(run).map(({ title, facts }) => `<section><h2>${escapeHtml(title)}</h2>${factsHtml(facts)}</section>`),
  ];
  return htmlDocument({
    title: `Training run ${name}`,
    body: `<main>\n${body.join('\n')}\n</main>`,
    styles: [pageFile('training.css')],
    scripts: [pageFile('training.js')],
  });
}

const SYMBOLS: Record<Judgement['state'], string> = { early: '…', working: '✓', slow: '!', failing: '✕' };

function judgementHtml({ state, headline, reasons }: Judgement): string {
  return `<section class="judgement ${state}" aria-label="Is it working?">
<p class="headline"><span class="symbol" aria-hidden="true">${SYMBOLS[state]}</span> ${escapeHtml(headline)}</p>
<ul>${reasons.map((reason) => `<li>${escapeHtml(reason)}</li>`).join('\n')}</ul>
</section>`;
}

function tilesHtml(tiles: ReturnType<typeof tilesOf>): string {
  const tile = ({ name, value, more }: (typeof tiles)[number]) =>
    `<div class="tile"><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}${more ? ` <small>${escapeHtml(more)}</small>` : ''}</dd></div>`;
  return `<dl class="tiles">${tiles.map(tile).join('\n')}</dl>`;
}

function overviewHtml(charts: readonly Chart[]): string {
  if (charts.length === 0) return '';
  return `<section><h2>Metrics by step</h2>
<noscript><p class="note">The curves need JavaScript; the tables do not.</p></noscript>
<p class="hint">Drag across a chart to zoom in, double-click to reset.</p>
<div class="charts">${charts.map(chartHtml).join('\n')}</div></section>`;
}

function chartHtml(chart: Chart): string {
  const spoken = chart.series.map(({ label, steps, values }) => {
    const last = values.findLastIndex((value) => value !== null);
    return last < 0 ? '' : `${label} ${short(values[last]!)} at step ${steps[last]}`;
  });
  return `<figure class="chart"><figcaption>${escapeHtml(chart.title)}</figcaption>
<div class="plot" role="img" aria-label="${escapeHtml(`${chart.title}: ${spoken.filter(Boolean).join(', ')}`)}"></div>
${dataScript(chart)}</figure>`;
}

function tasksHtml(run: Run): string {
  const tasks = tasksOf(run);
  if (tasks.length === 0) return '';
  const charts = taskCharts(
    run,
    tasks.map(({ name }) => name),
  );
  const cards = tasks.map((task, i) => {
    const own = [charts[i]!.loss, charts[i]!.responses, charts[i]!.fit].filter((chart) => chart !== null);
    if (own.length === 0) return '';
    return `<article class="task"><h3>${escapeHtml(task.name)}${badge(task)}</h3>\n${own.map(chartHtml).join('\n')}</article>`;
  });
  return `<section><h2>Tasks</h2>
${taskTable(tasks, run)}
<div class="tasks">${cards.filter(Boolean).join('\n')}</div></section>`;
}

function badge({ heldOut }: TaskSummary): string {
  return heldOut ? ' <span class="badge">held out</span>' : '';
}

interface TaskColumn {
  heading: string;
  cell: (task: TaskSummary) => string | number;
}

const count = (value: number | null) => value ?? '–';
const figure = (value: number | null | undefined) => short(value ?? Number.NaN);

const PROMPTS: TaskColumn = { heading: 'prompts', cell: ({ prompts }) => count(prompts) };
const TRAINING_LOSS: TaskColumn = { heading: 'training loss', cell: ({ trainingLoss }) => figure(trainingLoss) };

const CHECKPOINT_COLUMNS: readonly TaskColumn[] = [
  { heading: 'checkpoints', cell: ({ checkpoints }) => count(checkpoints) },
  { heading: 'held out', cell: (task) => count(task.heldOut ? task.checkpoints : task.heldOutCheckpoints) },
];

const FIT_COLUMNS: readonly TaskColumn[] = [
  { heading: 'evaluated loss', cell: ({ last }) => figure(last?.loss) },
  { heading: 'norm ratio', cell: ({ last }) => figure(last?.normRatio) },
  { heading: 'cosine', cell: ({ last }) => figure(last?.cosine) },
];

const RESPONSE_COLUMNS: readonly TaskColumn[] = [
  { heading: 'response loss', cell: ({ responses }) => figure(responses?.loss) },
  { heading: 'exact answers', cell: ({ responses }) => percent(responses?.exactMatch ?? Number.NaN) },
];

/** With the columns that the run has anything in. */
function taskTable(tasks: readonly TaskSummary[], { evaluations }: Run): string {
  const answered = evaluations.some(({ responses }) => responses !== undefined);
  const compared = !answered || tasks.some(({ last }) => last !== null);
  const columns = [
    PROMPTS,
    ...(tasks.some(({ checkpoints }) => checkpoints !== 0) ? CHECKPOINT_COLUMNS : []),
    TRAINING_LOSS,
    ...(compared ? FIT_COLUMNS : []),
    ...(answered ? RESPONSE_COLUMNS : []),
  ];
  const rows = tasks.map((task) => {
    const cells = columns.map(({ cell }) => `<td>${escapeHtml(cell(task))}</td>`).join('');
    return `<tr><th scope="row">${escapeHtml(task.name)}${badge(task)}</th>${cells}</tr>`;
  });
  const headings = ['task', ...columns.map(({ heading }) => heading)];
  return `<div class="table"><table class="figures tasks-table"><thead><tr>${headings
    .map((heading) => `<th scope="col">${heading}</th>`)
    .join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div>`;
}

function heatHtml({ evaluations, description }: Run): string {
  const last = evaluations.at(-1);
  if (last === undefined) return '';
  const { layers, tasks } = heatMapsOf(last);
  if (layers.length + tasks.length === 0) return '';
  const group = (title: string, maps: typeof layers) =>
    maps.length > 0 ? `<h3>${title}</h3><div class="heats">${maps.map(heatMapHtml).join('\n')}</div>` : '';
  return `<section><h2>Generated against true ${description.adapter.normalisation === 'residual' ? 'deviations from the mean adapter' : 'weights'}, after ${last.evaluation} steps</h2>
<p class="hint">Norm ratio: are they large enough? Cosine: do they point the same way?</p>
${group('By layer', layers)}
${group('By task', tasks)}</section>`;
}

function factsHtml(facts: readonly (readonly [string, string])[]): string {
  return `<dl class="facts">${facts
    .map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`)
    .join('\n')}</dl>`;
}
