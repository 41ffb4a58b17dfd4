import { dataScript, escapeHtml, htmlDocument, pageFile } from '../report/html.js';
import type { Interval } from './intervals.js';
import type { EvaluationResult, EvaluationRow } from './result.js';
import { CONTROLS } from './rows.js';
import { pointsText } from './verdict.js';

/** The page of an evaluation: one file that opens without a network and needs no scripts. */
export function evaluationPage(result: EvaluationResult): string {
  const { generator, base, tasks, verdict, method, notes } = result;
  const body = [
    `<header><h1>Evaluation of ${escapeHtml(generator)}</h1>`,
    `<p class="about">On ${tasks.length} tasks, with the base ${escapeHtml(base)}, by ${escapeHtml(result.createdBy)}</p></header>`,
    `<section aria-label="Does it help?"><h2>${escapeHtml(verdict.headline)}</h2>
<ul>${verdict.reasons.map((reason) => `<li>${escapeHtml(reason)}</li>`).join('\n')}</ul></section>`,
    ...notes.map((note) => `<p class="note">Note: ${escapeHtml(note)}.</p>`),
    `<section><h2>Exact match</h2><p class="note">${escapeHtml(method)}</p>${chart(result)}</section>`,
    `<section><h2>By task</h2>${taskTable(result)}</section>`,
    dataScript(result),
  ];
  return htmlDocument({
    title: `Evaluation of ${generator}`,
    body: `<main>\n${body.join('\n')}\n</main>`,
    styles: [pageFile('evaluation.css')],
    scripts: [],
  });
}

/** A bar for each mean, a line for its interval; widths are percentages. */
function chart({ rows, comparisons }: EvaluationResult): string {
  const difference = (row: EvaluationRow['row']) => {
    const found = comparisons.find((one) => one.with === row);
    return found ? pointsText(found) : '';
  };
  const bar = ({ row, label, of, exactMatch, logLikelihood }: EvaluationRow) => {
    const kind = row === 'generated' ? 'generated' : CONTROLS.some((one) => one === row) ? 'control' : 'other';
    const name = of === null ? label : `${label} (${of})`;
    const { mean, low, high } = exactMatch;
    return `<tr class="${kind}"><th scope="row">${escapeHtml(name)}</th>
<td><div class="scale"><span class="bar" style="width:${percent(mean)}"></span><span class="interval" style="left:${percent(low)};width:${percent(high - low)}"></span></div></td>
<td>${escapeHtml(intervalText(exactMatch))}</td><td>${escapeHtml(difference(row))}</td><td>${logLikelihood.mean.toFixed(3)}</td></tr>`;
  };
  return `<div class="table"><table class="figures evaluation"><thead><tr><th scope="col">adapter</th><th scope="col"></th><th scope="col">exact match, 95 % interval</th><th scope="col">generated − this</th><th scope="col">log-likelihood per token</th></tr></thead>
<tbody>${rows.map(bar).join('\n')}</tbody></table></div>`;
}

function taskTable({ tasks, rows }: EvaluationResult): string {
  const cell = (row: EvaluationRow, name: string) => {
    const values = row.tasks[name]!.exactMatch;
    return `<td>${(100 * (values.reduce((sum, value) => sum + value, 0) / values.length)).toFixed(0)}</td>`;
  };
  const lines = tasks.map(
    ({ name }) => `<tr><th scope="row">${escapeHtml(name)}</th>${rows.map((row) => cell(row, name)).join('')}</tr>`,
  );
  return `<div class="table"><table class="figures by-task"><thead><tr><th scope="col">task, exact match in %</th>${rows
    .map(({ label }) => `<th scope="col">${escapeHtml(label)}</th>`)
    .join('')}</tr></thead><tbody>${lines.join('\n')}</tbody></table></div>`;
}

function percent(share: number): string {
  return `${(100 * Math.min(1, Math.max(0, share))).toFixed(2)}%`;
}

/** `79.3 % (74.1–84.0)` */
export function intervalText({ mean, low, high }: Interval): string {
  const shown = (value: number) => (100 * value).toFixed(1);
  return `${shown(mean)} % (${shown(low)}–${shown(high)})`;
}
