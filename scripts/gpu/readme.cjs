// docs/gpu/README.md: which kernel last ran on which device, out of the files that gpu:check wrote.
const { existsSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { shortName } = require('../machine-code/names.cjs');
const { demangle } = require('../machine-code/cubins.cjs');

exports.writeReadme = function writeReadme(root) {
  writeFileSync(join(root, 'docs', 'gpu', 'README.md'), renderReadme(root));
};

/** @returns {string} the page for what lies in docs/gpu now */
exports.renderReadme = renderReadme;

function renderReadme(root) {
  const folder = join(root, 'docs', 'gpu');
  const results = readdirSync(folder)
    .filter((name) => /-\d{4}-\d\d-\d\d\.json$/.test(name))
    .map((name) => ({ file: name, ...JSON.parse(readFileSync(join(folder, name), 'utf8')) }))
    .sort((a, b) => (a.date === b.date ? compare(a.file, b.file) : compare(b.date, a.date)));
  const kernels = kernelNames(folder);
  const runs = runsOfKernels(results);
  const never = kernels.filter((name) => !runs.has(name)).length;
  return [
    '# What has run on hardware',
    '',
    '<!-- Made by npm run gpu:check out of the results beside it; do not edit. -->',
    '',
    'Nothing is claimed of a GPU that is not in this table. The kernels are those of `machine-code.md`; every one is tested',
    'under the emulator in CI (`docs/cuda.md`), which says nothing about the silicon itself. `running.md` tells how to run',
    '`npm run gpu:check`.',
    '',
    never === 0
      ? `All ${kernels.length} kernels have run on hardware.`
      : `${never} of ${kernels.length} kernels have never run on hardware.`,
    '',
    ...(results.length === 0 ? [] : ['## Runs', '', ...runsTable(results), '']),
    '## Kernels',
    '',
    'Of each its last run: the error is the largest against float64 that a test of it noted, the time that of its longest',
    'launch in the tests, whose shapes are small.',
    '',
    '| kernel | device | date | commit | tests | error | time |',
    '|---|---|---|---|--:|--:|--:|',
    ...kernels.map((name) => `| \`${name}\` | ${describe(runs.get(name))} |`),
    '',
  ].join('\n');
}

function kernelNames(folder) {
  const file = join(folder, 'machine-code.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).kernels.map(({ name }) => name) : [];
}

/** @returns {Map<string, object>} of each kernel its newest run */
function runsOfKernels(results) {
  const runs = new Map();
  for (const result of results) {
    const tests = result.stages.tests?.tests ?? [];
    const plain = demangle([...new Set(tests.flatMap((test) => test.kernels.map(({ name }) => name)))]);
    const found = new Map();
    for (const test of tests) {
      for (const { name, longestSeconds } of test.kernels) {
        const short = shortName(plain.get(name));
        const run = found.get(short) ?? { result, passed: 0, failed: 0, seconds: 0, error: undefined };
        run[test.passed ? 'passed' : 'failed']++;
        run.seconds = Math.max(run.seconds, longestSeconds);
        if (test.relativeError !== undefined) run.error = Math.max(run.error ?? 0, test.relativeError);
        found.set(short, run);
      }
    }
    for (const [name, run] of found) if (!runs.has(name)) runs.set(name, run);
  }
  return runs;
}

function describe(run) {
  if (!run) return 'never run on hardware |  |  |  |  | ';
  const { result, passed, failed, seconds, error } = run;
  const tests = failed > 0 ? `${passed} passed, **${failed} failed**` : `${passed}`;
  const time = seconds > 0 ? `${(1e6 * seconds).toFixed(1)} µs` : '';
  return [result.device.name, result.date, `\`${result.commit}\``, tests, error?.toExponential(1) ?? '', time].join(
    ' | ',
  );
}

function runsTable(results) {
  const stages = ['build', 'tests', 'sanitizers', 'verify', 'benchmarks'];
  return [
    `| device | driver | date | commit | ${stages.join(' | ')} |`,
    `|---|---|---|---|${stages.map(() => '---').join('|')}|`,
    ...results.map(({ file, device, date, commit, stages: found }) => {
      const verdicts = stages.map((name) => verdict(found[name]));
      return `| [${device.name}](${file}) | ${device.driver} | ${date} | \`${commit}\` | ${verdicts.join(' | ')} |`;
    }),
  ];
}

function verdict(stage) {
  if (!stage) return 'not run';
  if (stage.skipped) return 'left out';
  if (!stage.ok) return '**failed**';
  return stage.passed === undefined ? 'ok' : `${stage.passed} passed`;
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
