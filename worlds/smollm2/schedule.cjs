const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { readJson, writeFileAtomically } = require('../../dist/files/index.js');
const { duration } = require('../../dist/report/facts.js');
const { secondsLeft } = require('./time-left.cjs');

/** What was spent on each stage, in the folder of a world. It outlives a build that is killed, but for the last seconds. */
const SPENT_FILE = 'build.json';
const [SAVE_EVERY, REPORT_EVERY] = [10_000, 300_000];

/**
 * Runs what is not done of a list of stages, and says all along how much time is left.
 * @param {{ world: object, place: object, stage: object }[]} list of all worlds, in order; stages as in stages.cjs
 * @param {(text: string) => void} log
 */
async function runAll(list, log) {
  const entries = [];
  for (const one of list) entries.push(await entryOf(one));
  const left = () => `about ${duration(secondsLeft(entries))} left in all`;
  for (const entry of entries) {
    const name = `${entry.world.name}: ${entry.stage.name}`;
    if (entry.done) {
      log(`${name}: there already`);
      continue;
    }
    const report = () => log(`${name} …, ${left()}`);
    report();
    const reporting = setInterval(report, REPORT_EVERY);
    try {
      await runOne(entry, entries);
    } finally {
      clearInterval(reporting);
    }
    log(`${name}: ${duration(entry.seconds)}, ${left()}`);
  }
}

async function entryOf({ world, place, stage }) {
  const path = join(place.work, SPENT_FILE);
  const spent = existsSync(path) ? (await readJson(path)).seconds : {};
  const estimate = 60 * world.minutes[stage.kind ?? stage.name];
  return { world, place, stage, estimate, seconds: spent[stage.name] ?? 0, done: stage.isDone(world, place) };
}

async function runOne(entry, entries) {
  const { world, place, stage, seconds: before } = entry;
  const began = performance.now();
  const count = async () => {
    entry.seconds = before + (performance.now() - began) / 1000;
    await saveSpent(
      place,
      entries.filter((one) => one.world === world),
    );
  };
  // A count that cannot be saved now is saved the next time.
  const counting = setInterval(() => count().catch(() => {}), SAVE_EVERY);
  try {
    await stage.run(world, place);
  } finally {
    clearInterval(counting);
    await count();
  }
  entry.done = true;
}

async function saveSpent({ work }, entries) {
  const spent = entries.filter(({ seconds }) => seconds > 0);
  const seconds = Object.fromEntries(spent.map((one) => [one.stage.name, Math.round(10 * one.seconds) / 10]));
  await writeFileAtomically(join(work, SPENT_FILE), `${JSON.stringify({ formatVersion: 1, seconds }, null, 1)}\n`);
}

module.exports = { runAll };
