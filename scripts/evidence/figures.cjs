const { existsSync, readFileSync } = require('node:fs');

/**
 * The figures of an evaluation that `dnd eval --out` wrote.
 * @param {string} path
 * @param {{ world: string, part?: string, split: number, seed: number }} key what it is the evaluation of
 * @param {{ byTask?: boolean, research?: (name: string) => boolean }} options byTask: also exact matches by task and draw,
 *   which intervals over several builds need; research: whether a task is of data for research only
 */
function summaryOf(path, key, { byTask = false, research = () => false } = {}) {
  const evaluation = JSON.parse(readFileSync(path, 'utf8'));
  const { formatVersion, createdBy, texts, tasks, singles, draws, rows, comparisons, verdict, method } = evaluation;
  if (formatVersion !== 1)
    throw new Error(`${path}: expected an evaluation of format version 1, as dnd eval --out writes`);
  return {
    ...key,
    createdBy,
    ...(texts === undefined ? {} : { texts }),
    tasks: tasks.length,
    items: tasks.reduce((sum, { test }) => sum + test, 0),
    singles,
    draws,
    method,
    verdict: verdict.headline,
    ...(byTask ? detailsOf(evaluation, research) : {}),
    rows: rows.map(({ row, label, exactMatch, logLikelihood, tasks: values }) => ({
      row,
      label,
      exactMatch: round(exactMatch.mean),
      interval: [exactMatch.low, exactMatch.high].map(round),
      logLikelihood: round(logLikelihood.mean),
      outcome: comparisons.find((one) => one.with === row)?.outcome ?? null,
      ...(byTask
        ? { ...differenceTo(row, comparisons), values: tasks.map(({ name }) => values[name].exactMatch.map(round)) }
        : {}),
    })),
  };
}

function detailsOf({ tasks, shareOfOwn }, research) {
  const names = tasks.map(({ name }) => name);
  const researchOnly = names.filter(research);
  return {
    taskNames: names,
    ...(researchOnly.length === 0 ? {} : { research: researchOnly }),
    ...(shareOfOwn === undefined ? {} : { shareOfOwn: valuesOf(shareOfOwn) }),
  };
}

function differenceTo(row, comparisons) {
  const found = comparisons.find((one) => one.with === row);
  return found ? { difference: valuesOf(found) } : {};
}

const valuesOf = ({ mean, low, high }) => [mean, low, high].map(round);

const round = (value) => Number(value.toPrecision(5));

/** @returns {{ formatVersion: number, worlds: object[] }} no worlds where there is no file */
function readFigures(path, version) {
  if (!existsSync(path)) return { formatVersion: version, worlds: [] };
  const figures = JSON.parse(readFileSync(path, 'utf8'));
  if (figures.formatVersion !== version) throw new Error(`${path}: expected format version ${version}`);
  return figures;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation of at least two values. */
function deviation(values) {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

const percent = (value) => (100 * value).toFixed(1);
/** A difference of shares, in percentage points. */
const points = (value) => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`;
const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/**
 * The rows of several evaluations as lines of a Markdown table, one for each kind of adapter.
 * @param {string} [of] what there are several of
 */
function adapterTable(worlds, of = 'world') {
  const labels = new Map(worlds.flatMap(({ rows }) => rows.map(({ row, label }) => [row, label])));
  const lines = [...labels].map(([row, label]) => {
    const own = worlds.flatMap(({ rows }) => rows.filter((one) => one.row === row));
    const exact = own.map(({ exactMatch }) => exactMatch);
    const better = own.filter(({ outcome }) => outcome === 'better').length;
    const compared = own.filter(({ outcome }) => outcome !== null).length;
    const [{ interval }] = own;
    const cells = [
      row === 'generated' ? `**${label}**` : label,
      // The spread over worlds is unknown where there is one: its own interval says nothing of others.
      exact.length > 1 ? `${percent(mean(exact))} ± ${percent(deviation(exact))}` : percent(exact[0]),
      exact.length > 1
        ? `${percent(Math.min(...exact))} – ${percent(Math.max(...exact))}`
        : interval.map(percent).join(' – '),
      mean(own.map(({ logLikelihood }) => logLikelihood)).toFixed(3),
      compared === 0 ? '' : `${better} of ${compared}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const spread =
    worlds.length > 1
      ? [`exact match, %, mean over ${of}s ± standard deviation`, 'least – most']
      : ['exact match, %', '95 % interval over its tasks'];
  return [
    `| adapter | ${spread.join(' | ')} | log-likelihood per token | generated is better in |`,
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** JSON with lists of numbers, and lists of these, on one line each. */
function figuresText(figures) {
  const text = JSON.stringify(figures, null, 1);
  const numbers = text.replace(/\[\s+([-\d.e+,\s]+?)\s+\]/g, (_, list) => `[${list.replace(/\s+/g, ' ')}]`);
  return `${numbers.replace(/\[\s+(\[[-\d.e+,\s[\]]+?\])\s+\]/g, (_, list) => `[${list.replace(/\s+/g, ' ')}]`)}\n`;
}

module.exports = { adapterTable, counted, figuresText, percent, points, readFigures, summaryOf };
