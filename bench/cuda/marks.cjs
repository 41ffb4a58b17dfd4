/** What the project asks of one task on an H200, with mma.sync and precision mixed. */
const MARKS = [
  { preset: 'qwen2.5-0.5b-common-sense', what: 'decode', unit: 'ms', asked: 6 },
  { preset: 'qwen2.5-0.5b-common-sense', what: 'encode 128×384, MiniLM-L12', unit: 'ms', asked: 10 },
  { preset: 'qwen2.5-0.5b-common-sense', what: 'device memory', unit: 'GB', asked: 9 },
  { preset: 'qwen2.5-7b-math', what: 'decode', unit: 'ms', asked: 15 },
];

/** The marks that plannedResults have figures for: none of another model than an H200. */
function plannedMarks({ model, precision, configurations }) {
  if (model.name !== 'h200' || precision !== 'mixed') return [];
  return MARKS.flatMap(({ preset, what, unit, asked }) => {
    const row = configurations.find(({ name }) => name === preset)?.batches.find(({ batch }) => batch === 1);
    if (!row || row.leftOut) return [];
    const modelled =
      unit === 'GB' ? row.deviceBytes.device / 1e9 : 1e3 * row.seconds[what.startsWith('encode') ? 'encode' : 'decode'];
    return [{ name: `${preset}, one task: ${what}`, asked, unit, modelled, met: modelled <= asked }];
  });
}

module.exports = { plannedMarks };
