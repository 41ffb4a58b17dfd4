const { shareReached } = require('../../dist/evaluation/intervals.js');
const { adapterTable, counted, percent, points } = require('./figures.cjs');
const { resampled } = require('./resampled.cjs');

const UNCOMPARED = ['own', 'generated'];
const difference = ([one, other]) => one - other;
const share = ([generated, joint, own]) => shareReached(generated, joint, own);

/**
 * The table of an evaluation, over the builds that it was made of: with every figure, an interval over tasks and draws and,
 * of several builds, over these. Builds that were added by older versions have no values by task: their means are given.
 */
function buildsTable(builds) {
  if (!builds.every(hasDetails)) return adapterTable(builds, 'build');
  const labels = new Map(builds.flatMap(({ rows }) => rows.map(({ row, label }) => [row, label])));
  const lines = [...labels].map(([row, label]) => {
    const own = builds.flatMap(({ rows }) => rows.filter((one) => one.row === row));
    const likelihoods = own.map(({ logLikelihood }) => logLikelihood);
    const cells = [
      row === 'generated' ? `**${label}**` : label,
      interval(exactOf(builds, row), percent),
      UNCOMPARED.includes(row) || row.startsWith('generated') ? '' : interval(differenceOf(builds, row), points),
      (likelihoods.reduce((sum, value) => sum + value, 0) / likelihoods.length).toFixed(3),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| adapter | exact match, % (95 % interval) | generated − this, points (95 % interval) | log-likelihood per token |',
    '|---|---|---|---|',
    ...lines,
  ].join('\n');
}

const hasDetails = ({ taskNames }) => taskNames !== undefined;

/** What the builds tried, in a paragraph. */
function countsOf(builds) {
  const [{ draws }] = builds;
  const most = (values) => [...new Set(values)].join(' or ');
  const tasks = most(builds.map((build) => build.tasks));
  const items = most(builds.map((build) => build.items));
  const tried = most(builds.map(({ singles }) => singles.tried).filter((count) => count > 0));
  const several =
    builds.length > 1
      ? `${counted(builds.length, 'build')} (seeds ${builds.map(({ seed }) => seed).join(', ')}), each: `
      : '';
  const sentences = [
    `${several}${counted(Number(tasks) || tasks, 'held-out task')}, ${items} test items, ${counted(draws, 'draw')} of ${builds[0].texts ?? 'prompts'}${tried === '' ? '' : `, ${counted(Number(tried) || tried, 'training LoRA')} tried one by one`}.`,
    ...sharesOf(builds),
    ...researchOf(builds),
  ];
  if (builds.length > 1 && builds.every(hasDetails))
    sentences.push('Intervals: 2,000 resamples of builds, of tasks, and for each task of one build and one draw.');
  return sentences.join(' ');
}

function sharesOf(builds) {
  const whole = shareOf(builds);
  const ratio = ratioOf(builds);
  return [
    ...(ratio === undefined ? [] : [`Generated adapters reach ${percent(ratio)} % of the tasks' own.`]),
    ...(whole === undefined
      ? []
      : [
          `Of what the tasks' own LoRAs add to the joint LoRA they reach ${percent(whole.mean)} % (${percent(whole.low)} – ${percent(whole.high)}).`,
        ]),
  ];
}

function ratioOf(builds) {
  const means = (row) =>
    builds.flatMap(({ rows }) => rows.filter((one) => one.row === row)).map((one) => one.exactMatch);
  const [generated, own] = [means('generated'), means('own')];
  if (own.length < builds.length) return undefined;
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  return sum(generated) / sum(own);
}

/** Tasks that are in the table, and nothing of which is in what is shipped. */
function researchOf(builds) {
  const names = [...new Set(builds.flatMap(({ research }) => research ?? []))].sort();
  if (names.length === 0) return [];
  const listed = names.map((name) => `\`${name}\``).join(', ');
  return [`Of data for research only, in the table and in nothing that is shipped: ${listed}.`];
}

function exactOf(builds, row) {
  if (builds.length > 1) return resampled(builds, [row], ([value]) => value);
  const { exactMatch, interval: ends } = builds[0].rows.find((one) => one.row === row);
  return { mean: exactMatch, low: ends[0], high: ends[1] };
}

function differenceOf(builds, row) {
  if (builds.length > 1) return resampled(builds, ['generated', row], difference);
  return asInterval(builds[0].rows.find((one) => one.row === row).difference);
}

function shareOf(builds) {
  if (builds.length > 1 && builds.every(hasDetails)) return resampled(builds, ['generated', 'joint', 'own'], share);
  return builds.length > 1 ? undefined : asInterval(builds[0].shareOfOwn);
}

/** Of `[mean, low, high]`. */
const asInterval = (values) => values && { mean: values[0], low: values[1], high: values[2] };
const interval = (value, shown) => (value ? `${shown(value.mean)} (${shown(value.low)} – ${shown(value.high)})` : '');

module.exports = { buildsTable, countsOf };
