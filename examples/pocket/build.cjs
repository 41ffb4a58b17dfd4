// Builds the pocket world: base, neutral start, checkpoints of 120 tasks, generator, figures. Everything follows from
// the seed and the split; docs/pocket.md describes the stages.
//   node examples/pocket/build.cjs                     the world that the package contains, into pocket/
//   node examples/pocket/build.cjs --reduced           fewer tasks, a few minutes; fails if nothing generalises
//   node examples/pocket/build.cjs --split 2 --seed 3 --work <folder> --no-ship   another one, for figures
//   … --base pocket/base   with a base that is there
const { cp, mkdir, mkdtemp, rm } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { SplitMix64 } = require('../../dist/random/split-mix.js');
const { makeData, writeData } = require('./data.cjs');
const { ship } = require('./ship.cjs');
const { collectCheckpoints, evaluateGenerator, trainBase, trainGenerator } = require('./stages.cjs');
const { FULL, REDUCED } = require('./worlds.cjs');

/** Points by which generated adapters of the reduced world must beat the best training adapter. */
const LEAST_GAIN = 30;

async function main() {
  const { values } = parseArgs({
    options: {
      reduced: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      split: { type: 'string', default: '1' },
      base: { type: 'string' },
      work: { type: 'string' },
      out: { type: 'string', default: join(__dirname, '..', '..', 'pocket') },
      threads: { type: 'string' },
      'no-ship': { type: 'boolean', default: false },
    },
  });
  const world = values.reduced ? REDUCED : FULL;
  const work = values.work ?? (await mkdtemp(join(tmpdir(), 'dnd-pocket-')));
  const [seed, split] = [wholeNumber('seed', values.seed), wholeNumber('split', values.split)];
  const threads = values.threads === undefined ? undefined : wholeNumber('threads', values.threads);
  const place = { work, seed, split, threads, out: values.out, log: (text) => console.log(`  ${text}`) };
  await mkdir(work, { recursive: true });

  const began = Date.now();
  const stage = async (name, run) => {
    const start = Date.now();
    console.log(`${name} …`);
    const result = await run();
    console.log(`${name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
    return result;
  };
  const data = await stage('data', async () => {
    const made = makeData(SplitMix64, world, seed, split);
    await writeData(made, world, seed, work);
    return made;
  });
  if (values.base === undefined) await stage('base', () => trainBase(data, world, place));
  else await cp(values.base, join(work, 'base'), { recursive: true });
  await stage('checkpoints', () => collectCheckpoints(place));
  await stage('generator', () => trainGenerator(world, place));
  const rows = await stage('evaluation', () => evaluateGenerator(world, place));
  if (!values.reduced && !values['no-ship']) await stage('shipping', () => ship(data, rows, place));
  console.log(`the ${values.reduced ? 'reduced ' : ''}world: ${((Date.now() - began) / 60_000).toFixed(1)} min`);
  if (values.work === undefined) await rm(work, { recursive: true });

  const gain = rows.generated - rows.bestSingle;
  console.log(
    `generated adapters: ${rows.generated.toFixed(1)} % of held-out items exactly right, ${gain.toFixed(1)} points more than the best training adapter`,
  );
  if (gain >= LEAST_GAIN) return;
  console.error(`expected at least ${LEAST_GAIN} points more: the generator does not generalise`);
  process.exitCode = 1;
}

function wholeNumber(name, text) {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
