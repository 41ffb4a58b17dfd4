const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { dataScript, escapeHtml, htmlDocument } = require('../../../dist/report/html.js');
const { machineLines } = require('../machine.cjs');
const { marksOf, tables: markTables } = require('../marks.cjs');
const peak = require('../peak.cjs');
const { CONFIGURATION_TABLES, SINGLE_TABLES } = require('../sections.cjs');
const { textOf } = require('../table.cjs');
const { chartsOf } = require('./charts.cjs');
const { trainingCharts } = require('./training-charts.cjs');

const HOW = [
  'A figure is the median; brackets contain the minimum and maximum, the number after × is the number of runs.',
  'A sum (Σ) adds the figures of all convolutions of a decoder, each measured alone on random data: an extrapolation.',
  'A ratio is the peer’s median over ours: above 1, we are faster.',
  'Fractions are of the better of our and PyTorch’s float32 matrix product on the same number of threads, in this run.',
  'GFLOP count multiply-adds twice and exclude taps on padding; those of the complex product are the executed ones.',
];

/** One HTML file with everything in it: it opens without a network, and without scripts it still has all figures. */
function renderPage(results) {
  const body = [
    `<h1>dnd-lora benchmark: ${escapeHtml(results.presets.join(', '))}</h1>`,
    ...machineLines(results).map((line) => `<p class="about">${escapeHtml(line)}</p>`),
    ...(results.problems ?? []).map((sentence) => `<p class="problem">WRONG: ${escapeHtml(sentence)}</p>`),
    ...markTables(results.marks ?? marksOf(results)).map(tableHtml),
    ...(results.peak ? peak.tables(results.peak, results) : []).map(tableHtml),
    ...(results.peakAfter ? peak.tablesAgain(results.peakAfter, results) : []).map(tableHtml),
    ...results.configurations.map((configuration) => configurationHtml(configuration, results)),
    ...singlesHtml(results),
    ...trainingHtml(results),
    '<h2>How to read this</h2>',
    ...HOW.map((sentence) => `<p class="note">${sentence}</p>`),
  ];
  return htmlDocument({
    title: `dnd-lora benchmark, ${results.presets.join(', ')}, ${results.date}`,
    body: body.join('\n'),
    styles: [],
    scripts: [readFileSync(join(__dirname, 'draw.js'), 'utf8')],
  });
}

function configurationHtml(configuration, results) {
  const { name, sameAs } = configuration;
  const tables = Object.entries(CONFIGURATION_TABLES).flatMap(([part, tables]) =>
    configuration[part] ? tables(configuration[part], { ...results, ...configuration }) : [],
  );
  return [
    `<h2>${escapeHtml(name)}</h2>`,
    ...(sameAs
      ? [`<p class="note">Same decoder as ${escapeHtml(sameAs)} except for the length projection; see there.</p>`]
      : []),
    ...chartsOf(configuration, results).map(chartHtml),
    ...tables.map(tableHtml),
  ].join('\n');
}

function singlesHtml(results) {
  const tables = Object.entries(SINGLE_TABLES).flatMap(([name, tables]) =>
    results[name] && name !== 'training' ? tables(results[name], results) : [],
  );
  return tables.length > 0 ? ['<h2>Encoder and event loop</h2>', ...tables.map(tableHtml)] : [];
}

function trainingHtml({ training }) {
  if (!training) return [];
  return [
    '<h2>Training</h2>',
    ...trainingCharts(training).map(chartHtml),
    ...SINGLE_TABLES.training(training).map(tableHtml),
  ];
}

function chartHtml(chart) {
  return `<h3>${escapeHtml(chart.title)}</h3>
<div class="chart">${dataScript(chart)}</div>`;
}

function tableHtml({ title, headings, rows, notes = [] }) {
  const cells = (tag, row) =>
    row.map((cell) => `<${tag}${classOf(cell)}>${escapeHtml(textOf(cell))}</${tag}>`).join('');
  return `<h3>${escapeHtml(title)}</h3>
<div class="table"><table class="figures">
<thead><tr>${cells('th', headings)}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}
</tbody></table></div>
${notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join('\n')}`;
}

const classOf = (cell) => (cell === 'yes' ? ' class="yes"' : cell === 'NO' ? ' class="no"' : '');

module.exports = { renderPage };
