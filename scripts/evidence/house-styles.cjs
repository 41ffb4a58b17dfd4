const { adapterTable, counted, percent } = require('./figures.cjs');

/** The part of the page about house styles on SmolLM2-135M-Instruct. */
function houseStylesSection(worlds) {
  const of = (part) => worlds.filter((world) => world.part === part);
  const singles = of('singles');
  const tasks = of('tasks');
  return `## House styles on SmolLM2-135M-Instruct

A task is a domain of real texts × how the answer is written × what closes it ([the world](../worlds/smollm2/README.md)). A prompt
shows each cue of its style only half the time, so that the *set* of prompts says what no single prompt does. The generator was
trained by the behaviour loss alone, from the joint LoRA on; of a held-out task, every pair of attributes occurs in training
tasks and the combination does not. The base is the quantised model of the Python package (Q4_1), with its own chat template;
an answer counts where it is exactly the response.
${tableOf(
  singles,
  `### Beside LoRAs of single tasks

${countsOf(singles)}. The LoRAs of single tasks, and the tasks' own, continue from the joint one for 40 steps of 8 examples.`,
)}${tableOf(
  tasks,
  `### On more held-out tasks

${countsOf(tasks)}, without LoRAs of their own.`,
)}
### What this does not show

- **Compositional generalisation only**: every attribute, and every pair of them, occurs in training tasks.
- **${counted(new Set(worlds.map(({ seed }) => seed)).size, 'build')}.** The interval is over tasks and prompt draws of a build; how
  much builds differ, another seed shows.
- The shape of the decoder, the learning rate and the number of steps come from a prototype on other domains and another split.
  The domains are those whose answers a base of this size was thought to find.

### Make it again

\`\`\`bash
npm run world:smollm2 -- --world styles --work /tmp/world --base SmolLM2-135M-Instruct.Q4_1.gguf --encoder all-MiniLM-L6-v2
node scripts/evidence.cjs add --world house-styles --part tasks --split 1 --seed 1 /tmp/world/house-styles/evaluation.json
node scripts/evidence.cjs
\`\`\`
`;
}

function tableOf(worlds, introduction) {
  if (worlds.length === 0) return '';
  return `
${introduction}

${adapterTable(worlds)}
`;
}

function countsOf(worlds) {
  if (worlds.length === 0) return '';
  const [{ tasks, items, draws, singles, rows }] = worlds;
  const generated = rows.find(({ row }) => row === 'generated');
  const own = rows.find(({ row }) => row === 'own');
  const share = own
    ? `; generated adapters reach ${percent(generated.exactMatch / own.exactMatch)} % of the tasks' own`
    : '';
  const tried = singles.tried > 0 ? `, ${counted(singles.tried, 'training LoRA')} tried one by one` : '';
  return `${counted(tasks, 'held-out task')}, ${items} test items, ${counted(draws, 'prompt draw')} each${tried}${share}`;
}

module.exports = { houseStylesSection };
