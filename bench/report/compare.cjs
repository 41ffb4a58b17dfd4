const { figuresOf } = require('./figures.cjs');
const { printTable, time, times } = require('./table.cjs');

/** Figures in one of the files only, named up to here. */
const NAMED = 8;

/**
 * Each figure of both results: medians, their ratio (a's over b's: above 1, b is faster) and whether the spreads
 * overlap, in which case the ratio may be chance. Sums of figures are compared like figures.
 */
function compareResults(a, b) {
  const [first, second] = [figuresOf(a), figuresOf(b)];
  const both = [...first.keys()].filter((name) => second.has(name));
  return {
    rows: both.map((name) => {
      const [one, other] = [first.get(name), second.get(name)];
      const overlap = one.min <= other.max && other.min <= one.max;
      return { name, a: one, b: other, ratio: one.median / other.median, overlap };
    }),
    onlyA: [...first.keys()].filter((name) => !second.has(name)),
    onlyB: [...second.keys()].filter((name) => !first.has(name)),
    differences: differencesOf(a, b),
  };
}

/** What else differs between the runs than the code: a sentence each. */
function differencesOf(a, b) {
  const machine = ({ cpu, coresAvailable, memoryBytes, platform }) =>
    `${cpu}, ${coresAvailable} cores, ${(memoryBytes / 1e9).toFixed(0)} GB, ${platform}`;
  const peer = ({ missing, torch, isa }) => (missing ? 'none' : `PyTorch ${torch}, ${isa}`);
  const aspects = [
    ['machines', machine(a.machine), machine(b.machine)],
    ['instruction sets', a.machine.engine.isa, b.machine.engine.isa],
    ['threads', a.threads, b.threads],
    ['peers', peer(a.peer), peer(b.peer)],
    ['quick runs', String(a.quick), String(b.quick)],
  ];
  return aspects
    .filter(([, one, other]) => one !== other)
    .map(([what, one, other]) => `different ${what}: a ${one}; b ${other}`);
}

const verdict = ({ ratio, overlap }) => (overlap ? 'overlap' : ratio > 1 ? 'b faster' : 'b slower');

/** @returns {import('./table.cjs').Table} */
function comparisonTable({ rows, onlyA, onlyB, differences }) {
  const missing = (names, file) => {
    if (names.length === 0) return [];
    const more = names.length > NAMED ? `, and ${names.length - NAMED} more` : '';
    return [`only in ${file}: ${names.slice(0, NAMED).join('; ')}${more}`];
  };
  return {
    title: 'medians (spread) × runs; ratio: a over b, above 1 if b is faster',
    headings: ['', 'a', 'b', 'ratio', 'spreads'],
    rows: rows.map((row) => [row.name, time(row.a), time(row.b), times(row.ratio), verdict(row)]),
    notes: [
      ...differences,
      ...(rows.length === 0 ? ['no figures in common'] : []),
      ...missing(onlyA, 'a'),
      ...missing(onlyB, 'b'),
    ],
  };
}

function printComparison(a, b, [fileA, fileB]) {
  const about = ({ machine, date }) => `${machine.commit ?? machine.package}, ${date}`;
  console.log(`a: ${fileA} (${about(a)})\nb: ${fileB} (${about(b)})`);
  printTable(comparisonTable(compareResults(a, b)));
}

module.exports = { compareResults, comparisonTable, printComparison };
