#!/usr/bin/env node
// A package of generators, packages/generator-*: puts trained generators into it, and its figures into its README.
//   node scripts/generator-package.cjs add NAME GENERATOR [--encoder FOLDER] [--dtype f32|f16|bf16]   a folder such as run/latest
//   node scripts/generator-package.cjs evaluated NAME EVAL.json   what `dnd eval --out` wrote of the generator in the package
//   node scripts/generator-package.cjs                            writes the figures
//   node scripts/generator-package.cjs --check                    fails where the package is not fit to be published
// --package FOLDER names the package; default: packages/generator-smollm2-135m. docs/generator-packages.md describes packages.
// `add` needs a built package.
const { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const { parseArgs } = require('node:util');

const VERSION = 1;
const MOST_BYTES = 12e6;
const DEFAULT_PACKAGE = join(__dirname, '..', 'packages', 'generator-smollm2-135m');
const FIGURES = /(<!-- figures: .*? -->\n).*?(<!-- end of figures -->)/s;

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value, indent) => writeFileSync(path, `${JSON.stringify(value, null, indent)}\n`);
const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const percent = (value) => (100 * value).toFixed(1);

/** Its files, each with its size. */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => ({ name, status: statSync(join(folder, name)) }))
    .filter(({ status }) => status.isFile())
    .map(({ name, status }) => ({ name, bytes: status.size }));
}

const bytesOf = (folder) => filesOf(folder).reduce((sum, { bytes }) => sum + bytes, 0);

/** Puts a generator into the package, and takes figures of another one by its name away. */
async function add({ folder, name, source, encoder, dtype }) {
  if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`${name}: expected a name of small letters, digits and hyphens`);
  // Loaded where it is needed: the other commands work without a built package.
  const { Generator } = require('dnd-lora');
  const target = join(folder, name);
  const generator = await Generator.load(source, { device: 'cpu', encoder });
  try {
    // Without the optimiser's state and what else a checkpoint of a run has.
    await generator.save(target, { force: true, dtype });
  } finally {
    generator.dispose();
  }
  if (bytesOf(target) > MOST_BYTES && existsSync(join(target, 'encoder'))) {
    rmSync(join(target, 'encoder'), { recursive: true });
    console.log(
      `${name}: its text encoder is left out; name its repository in demo.json as "encoder", and in the README`,
    );
  }
  const path = join(folder, 'package.json');
  const description = readJson(path);
  const { generators, default: standard = name } = description['dnd-lora'] ?? {};
  description['dnd-lora'] = { generators: { ...generators, [name]: name }, default: standard };
  // Set while there is nothing to publish.
  delete description.private;
  description.files = [...new Set([...description.files, name])];
  writeJson(path, description, 2);
  const { generators: evaluated } = readEvaluations(folder);
  writeEvaluations(folder, Object.fromEntries(Object.entries(evaluated).filter(([other]) => other !== name)));
  console.log(`${name}: ${(bytesOf(target) / 1e6).toFixed(1)} MB`);
}

function addEvaluation({ folder, name, path }) {
  const result = readJson(path);
  if (result.formatVersion !== 1 || !Array.isArray(result.rows))
    throw new Error(`${path}: expected an evaluation of format version 1, as dnd eval --out writes`);
  const description = readJson(join(folder, 'package.json'));
  const names = Object.keys(description['dnd-lora'].generators);
  if (!names.includes(name))
    throw new Error(`${name}: the package has no such generator; expected ${names.join(', ')}`);
  writeEvaluations(folder, {
    ...readEvaluations(folder).generators,
    [name]: {
      ...result,
      // Paths of the machine that it was evaluated on say nothing to others.
      generator: `${description.name}/${name}`,
      base: basename(result.base),
      pairs: result.pairs && basename(result.pairs),
    },
  });
}

function readEvaluations(folder) {
  const path = join(folder, 'evaluation.json');
  const evaluations = readJson(path);
  if (evaluations.formatVersion !== VERSION) throw new Error(`${path}: expected format version ${VERSION}`);
  return evaluations;
}

function writeEvaluations(folder, generators) {
  writeJson(join(folder, 'evaluation.json'), { formatVersion: VERSION, generators }, 1);
  writeFigures(folder);
}

function figuresOf({ name, generators }) {
  const parts = Object.entries(generators).map(([generator, { tasks, draws, rows, verdict, notes }]) => {
    const items = tasks.reduce((sum, { test }) => sum + test, 0);
    const lines = rows.map(({ row, label, exactMatch: { mean, low, high }, logLikelihood }) => {
      const shown = row === 'generated' ? `**${label}**` : label;
      return `| ${shown} | ${percent(mean)} % (${percent(low)}–${percent(high)}) | ${logLikelihood.mean.toFixed(3)} |`;
    });
    return [
      `\`${name}/${generator}\`: ${counted(tasks.length, 'task')}, ${counted(items, 'test item')}, ${counted(draws, 'prompt draw')}. ${verdict.headline}`,
      '',
      '| adapter | exact match (95 % interval over tasks) | log-likelihood per token |',
      '|---|---|---|',
      ...lines,
      ...(notes.length > 0 ? ['', ...notes.map((note) => `- Note: ${note}.`)] : []),
    ].join('\n');
  });
  return parts.length > 0 ? parts.join('\n\n') : 'There are no figures yet.';
}

function readmeWith(folder) {
  const path = join(folder, 'README.md');
  const text = readFileSync(path, 'utf8');
  if (!FIGURES.test(text)) throw new Error(`${path}: it has no place for figures, between comments`);
  const { name } = readJson(join(folder, 'package.json'));
  const figures = figuresOf({ name, ...readEvaluations(folder) });
  return { path, text, filled: text.replace(FIGURES, (_, start, end) => `${start}${figures}\n${end}`) };
}

function writeFigures(folder) {
  const { path, filled } = readmeWith(folder);
  writeFileSync(path, filled);
}

/** Why the package should not be published, in words. */
async function problemsOf(folder) {
  const description = readJson(join(folder, 'package.json'));
  const { generators } = description['dnd-lora'];
  const evaluated = readEvaluations(folder).generators;
  const { text, filled } = readmeWith(folder);
  const problems = text === filled ? [] : ['README.md does not have the figures of evaluation.json'];
  if (description.private) problems.push('package.json says "private", which keeps npm from publishing it');
  const trainedOn = new Map();
  for (const [name, place] of Object.entries(generators)) {
    const path = join(folder, place);
    if (!existsSync(join(path, 'generator.json'))) {
      problems.push(`${name}: there is no ${place}/generator.json`);
      continue;
    }
    const { training } = readJson(join(path, 'generator.json'));
    trainedOn.set(name, training.tasks ?? []);
    if (!training.trained) problems.push(`${name}: it is untrained`);
    if (!evaluated[name]) problems.push(`${name}: evaluation.json has no evaluation of it`);
    if (!description.files.includes(place)) problems.push(`${name}: "files" in package.json leaves ${place} out`);
    const bytes = bytesOf(path);
    if (bytes > MOST_BYTES) problems.push(`${name}: it has ${bytes} bytes; expected at most ${MOST_BYTES}`);
  }
  if (!existsSync(join(folder, 'demo.json'))) return [...problems, 'there is no demo.json'];
  for (const task of readJson(join(folder, 'demo.json')).tasks) {
    const generator = task.generator ?? description['dnd-lora'].default;
    if (trainedOn.get(generator)?.includes(task.name))
      problems.push(`demo.json: ${generator} was trained on the task ${task.name}`);
  }
  return problems;
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      check: { type: 'boolean' },
      package: { type: 'string', default: DEFAULT_PACKAGE },
      encoder: { type: 'string' },
      dtype: { type: 'string', default: 'f16' },
    },
  });
  const [command, name, path] = positionals;
  const { package: folder, encoder, dtype } = values;
  if (command === 'add') {
    if (path === undefined) throw new Error('add: expected a name and a generator folder');
    await add({ folder, name, source: path, encoder, dtype });
  } else if (command === 'evaluated') {
    if (path === undefined) throw new Error('evaluated: expected a name and the file that dnd eval --out wrote');
    addEvaluation({ folder, name, path });
  } else if (command !== undefined) {
    throw new Error(`there is no command ${JSON.stringify(command)}; expected add, evaluated, or none`);
  } else if (values.check) {
    const problems = await problemsOf(folder);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  } else {
    writeFigures(folder);
  }
}

main().catch((error) => {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
