const { ResultsError } = require('../results.cjs');
const { machineLines } = require('./machine.cjs');
const { marksOf, tables: markTables } = require('./marks.cjs');
const { markdownTable } = require('./markdown.cjs');
const { CONFIGURATION_TABLES, SINGLE_TABLES } = require('./sections.cjs');
const { duration } = require('./table.cjs');

/** Of a configuration; its convolutions one by one are in the page of a run. */
const CONFIGURATION_PARTS = ['decoder', 'writing'];

const BEGIN = '<!-- figures: node scripts/bench-figures.cjs -->';
const END = '<!-- end of figures -->';

/**
 * The figures of docs/benchmarks.md.
 * @param {{ name: string, results: object }[]} measured results of `npm run bench` and the names of their files
 * @param {object} planned as of plannedResults: nothing in it is measured
 */
function documentedFigures(measured, planned) {
  return [
    ...(measured.length === 0
      ? [
          'No results of this version are kept yet: run the benchmark on a quiet machine, with `--out docs/bench/<name>.json`.',
        ]
      : measured.flatMap(({ name, results }) => measuredFigures(name, results))),
    '### Modelled, on a CUDA device',
    'Predictions of [cuda-plan.md](cuda-plan.md); nothing here is measured.',
    markdownTable(plannedTable(planned)),
  ].join('\n\n');
}

function plannedTable({ configurations, encoder, model, precision }) {
  const rows = configurations.flatMap(({ name, batches }) =>
    batches.map(({ batch, seconds, deviceBytes }) => [
      name,
      batch,
      duration(seconds.encode),
      duration(seconds.decode),
      duration(seconds.decode / batch),
      `${(deviceBytes.device / 1e9).toFixed(2)} GB`,
    ]),
  );
  return {
    title: `${model.name}, precision ${precision}`,
    headings: ['configuration', 'tasks', `encode (${encoder})`, 'decode', 'per task', 'device memory'],
    rows,
    notes: [
      'decode: convolutions and normalisations without length projection; transfers and writing to disk are left out',
    ],
  };
}

function measuredFigures(name, results) {
  refuseUnfit(name, results);
  const marks = markTables(marksOf(results)).map(({ rows, ...table }) => ({
    ...table,
    rows: rows.filter(([, , measured]) => measured !== null),
  }));
  const configurations = results.configurations.flatMap((configuration) =>
    CONFIGURATION_PARTS.filter((part) => configuration[part]).flatMap((part) =>
      CONFIGURATION_TABLES[part](configuration[part], { ...results, ...configuration }),
    ),
  );
  const singles = Object.entries(SINGLE_TABLES).flatMap(([part, tables]) =>
    results[part] ? tables(results[part], results) : [],
  );
  return [
    `### Measured: ${name}`,
    machineLines(results)
      .map((line) => `- ${line}`)
      .join('\n'),
    ...[...marks, ...configurations, ...singles].map(markdownTable),
  ];
}

/** A smoke test of the benchmark, and one whose outputs were wrong, are no figures. */
function refuseUnfit(name, { quick, problems }) {
  if (quick)
    throw new ResultsError(
      `docs/bench/${name}.json: measured with --quick, a smoke test; expected a whole run. Measure again without it`,
    );
  if (problems.length > 0)
    throw new ResultsError(`docs/bench/${name}.json: ${problems[0]}. A run with wrong outputs is no result`);
}

/** A page with other figures between its markers. Throws for a page without them. */
function withFigures(page, figures) {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new ResultsError(`docs/benchmarks.md has no place for figures; expected ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${page.slice(end)}`;
}

module.exports = { BEGIN, documentedFigures, END, withFigures };
