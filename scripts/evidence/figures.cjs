const { existsSync, readFileSync } = require('node:fs');

/**
 * The means of an evaluation that `dnd eval --out` wrote; its per-task values stay in the file.
 * @param {string} path
 * @param {{ world: string, part?: string, split: number, seed: number }} key what it is the evaluation of
 */
function summaryOf(path, key) {
  const { formatVersion, createdBy, tasks, singles, draws, rows, comparisons, verdict, method } = JSON.parse(
    readFileSync(path, 'utf8'),
  );
  if (formatVersion !== 1)
    throw new Error(`${path}: expected an evaluation of format version 1, as dnd eval --out writes`);
  return {
    ...key,
    createdBy,
    tasks: tasks.length,
    items: tasks.reduce((sum, { test }) => sum + test, 0),
    singles,
    draws,
    method,
    verdict: verdict.headline,
    rows: rows.map(({ row, label, exactMatch, logLikelihood }) => ({
      row,
      label,
      exactMatch: round(exactMatch.mean),
      interval: [exactMatch.low, exactMatch.high].map(round),
      logLikelihood: round(logLikelihood.mean),
      outcome: comparisons.find((one) => one.with === row)?.outcome ?? null,
    })),
  };
}

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
const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The rows of several evaluations as lines of a Markdown table, one for each kind of adapter. */
function adapterTable(worlds) {
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
      ? ['exact match, %, mean over worlds ± standard deviation', 'least – most']
      : ['exact match, %', '95 % interval over its tasks'];
  return [
    `| adapter | ${spread.join(' | ')} | log-likelihood per token | generated is better in |`,
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

module.exports = { adapterTable, counted, percent, readFigures, summaryOf };
