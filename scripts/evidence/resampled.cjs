const { mean, middleOf, RESAMPLES } = require('../../dist/evaluation/intervals.js');
const { SplitMix64 } = require('../../dist/random/split-mix.js');

const SEED = 0;

/**
 * A statistic of the exact matches of rows over several builds, with its bootstrap interval. Each resample draws builds, then
 * tasks, and for each task one of the drawn builds that has it (of all that have it, if none of them has) and one draw of
 * prompts, all with replacement; the rows are taken from the same. So the spread of builds is in the interval, of tasks, and
 * of draws.
 * @param {{ taskNames: string[], rows: { row: string, values?: number[][] }[] }[]} builds with values by task and draw
 * @param {string[]} rows
 * @param {(means: number[]) => number | undefined} statistic of the rows' means over tasks
 * @returns {{ mean: number, low: number, high: number } | undefined} where the statistic is a number in all resamples
 */
function resampled(builds, rows, statistic) {
  const tables = builds.map((build) => tableOf(build, rows)).filter((table) => table !== undefined);
  const names = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  if (names.length === 0) return undefined;
  const having = new Map(names.map((name) => [name, tables.filter((table) => table.has(name))]));
  const centres = rows.map((_, row) =>
    mean(names.map((name) => mean(having.get(name).map((table) => mean(table.get(name)[row]))))),
  );
  const random = SplitMix64.seeded(SEED);
  const statistics = Array.from({ length: RESAMPLES }, () => {
    const drawn = tables.map(() => tables[random.below(tables.length)]);
    const sums = rows.map(() => 0);
    for (let count = 0; count < names.length; count++) {
      const name = names[random.below(names.length)];
      const among = drawn.filter((table) => table.has(name));
      const values = pick(among.length > 0 ? among : having.get(name), random).get(name);
      const draw = random.below(Math.max(...values.map(({ length }) => length)));
      for (const [row, draws] of values.entries()) sums[row] += draws[draw % draws.length];
    }
    return statistic(sums.map((sum) => sum / names.length));
  });
  const centre = statistic(centres);
  if (centre === undefined || statistics.includes(undefined)) return undefined;
  return { mean: centre, ...middleOf(statistics) };
}

/** Of each task, the values of the rows; undefined for a build that lacks a row. */
function tableOf({ taskNames, rows }, wanted) {
  const values = wanted.map((id) => rows.find(({ row }) => row === id)?.values);
  if (values.includes(undefined)) return undefined;
  return new Map(taskNames.map((name, task) => [name, values.map((row) => row[task])]));
}

const pick = (list, random) => list[random.below(list.length)];

module.exports = { resampled };
