const { adapterTable, counted, percent } = require('./figures.cjs');

/** Splits, and seeds, from which the page calls the spread known. */
const WANTED = 3;

/** The part of the page about the pocket world. */
function pocketSection(worlds) {
  const splits = new Set(worlds.map(({ split }) => split));
  const seeds = new Set(worlds.map(({ seed }) => seed));
  const verdicts = [...new Set(worlds.map(({ verdict }) => verdict))].map((verdict) => {
    const count = worlds.filter((world) => world.verdict === verdict).length;
    return `- ${count} of ${worlds.length} worlds: "${verdict}"`;
  });
  const byWorld = worlds.map(({ split, seed, tasks, items, rows }) => {
    const of = (row) => {
      const found = rows.find((one) => one.row === row);
      return found ? percent(found.exactMatch) : '–';
    };
    const { interval } = rows.find(({ row }) => row === 'generated');
    const generated = `${of('generated')} (${interval.map(percent).join(' – ')})`;
    const others = ['base', 'meanOfTraining', 'bestSingle'].map(of);
    const cells = [split, seed, tasks, items, ...others, generated, of('otherPrompts')];
    return `| ${cells.join(' | ')} |`;
  });
  return `## The pocket world

${counted(worlds.length, 'world')}: ${counted(splits.size, 'split')} into training tasks and held-out tasks, ${counted(seeds.size, 'seed')} (of base, checkpoints and
generator).${splits.size < WANTED || seeds.size < WANTED ? ` **That is too few**: ${WANTED} splits and ${WANTED} seeds are wanted, and until they are there the spread over worlds is not known.` : ''} In each, the generator is asked for the adapters of tasks that it never saw, from unlabeled prompts, and the base answers their test
items with them ([evaluation.md](evaluation.md) explains rows, measures and intervals; [pocket.md](pocket.md) the world).

${adapterTable(worlds)}

What \`dnd eval\` says of each world:

${verdicts.join('\n')}

| split | seed | held-out tasks | test items | base | mean of the training LoRAs | best training LoRA | generated (95 % interval over its tasks) | another task's prompts |
|---|---|---|---|---|---|---|---|---|
${byWorld.join('\n')}

### What this does not show

- **Compositional generalisation only.** Every held-out task is a new *combination* of a question, a speaker and a manner, each of
  which occurs in training tasks. Nothing is shown about attribute values that no training task has.
- **The world is small and made for the purpose**, with a base of less than a million parameters. It shows that the method, and
  this implementation of it, can turn a prompt set into weights that the prompts one by one do not determine. It does not show
  that a generator for a large model helps with your tasks.
- **A simpler method may do as well**: in a prototype, a regression on the task's three attributes did, which one would have to be told.
  The generator is told nothing; it has the prompts.
- **Hyper-parameters** come from a prototype on another base and split, whose held-out scores were in view. The decoder's shape and the
  pre-training were adapted while the world of split 1, seed 1 was being made, so its figure may flatter; other splits and seeds
  are built with the same numbers. The rule that a base is trained anew, longer, until it answers every question was made after
  seeds 2 and 3 had been built without it: their bases could not answer one of the five questions, and own LoRAs (77.8 to 81.8 %) and
  generated adapters (75.9 to 81.8 %) could not either. It looks at the base's plain replies, at no task.

### Make it again

\`\`\`bash
node examples/pocket/build.cjs --split 2 --seed 3 --work /tmp/world --no-ship
node scripts/evidence.cjs add --world pocket --split 2 --seed 3 /tmp/world/evaluation.json && node scripts/evidence.cjs
\`\`\`
`;
}

module.exports = { pocketSection };
