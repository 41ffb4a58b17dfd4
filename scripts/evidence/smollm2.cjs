const { buildsTable, countsOf } = require('./builds.cjs');
const { counted } = require('./figures.cjs');

/** Of one world, the evaluations that its page may have, in their order. */
const PARTS = {
  singles: {
    title: 'Beside LoRAs of single tasks',
    about: "The LoRAs of single tasks, and the tasks' own, continue from the joint one for 40 steps of 8 examples.",
  },
  tasks: { title: 'On more held-out tasks', about: 'Without LoRAs of their own.' },
  counts: {
    title: 'From fewer and more prompts',
    about:
      'The generator takes 16 prompts: fewer are repeated; more are put into groups of 16, and the adapters of the groups are averaged (`dnd eval --prompt-counts 1,4,64 --draws 2`; `dnd generate --all-prompts`).',
  },
  descriptions: {
    title: 'From descriptions',
    about:
      'Another generator, trained and evaluated on descriptions of tasks, a sentence or a few each, instead of prompts (`--form description`).',
  },
};

const BASE =
  'The base is the quantised model of the Python package (Q4_1), with its own chat template; an answer counts where it is exactly the response.';

/** Texts of the worlds on SmolLM2-135M-Instruct: what they are, and what they do not show. */
const WORLDS = {
  'house-styles': {
    title: 'House styles on SmolLM2-135M-Instruct',
    about: `A task is a domain of real texts × how the answer is written × what closes it ([the world](../worlds/smollm2/README.md)). A prompt
shows each cue of its style only half the time, so that the *set* of prompts says what no single prompt does. The generator was
trained by the behaviour loss alone, from the joint LoRA on; of a held-out task, every pair of attributes occurs in training
tasks and the combination does not. ${BASE}`,
    limits: [
      '**Compositional generalisation only**: every attribute, and every pair of them, occurs in training tasks.',
      `The shape of the decoder and the learning rate come from a prototype on other domains and another split. The number of steps does
  not: a first build, with 260 steps of the joint LoRA and 700 of the generator, reached 81.3 % on these very tasks, and this one was
  then trained longer. The domains are those whose answers a base of this size was thought to find.`,
      'Products with the base were in bfloat16 (`--precision bf16`) while training, in float32 in the evaluation.',
    ],
    build: '--world styles',
  },
  'house-styles-pairs': {
    title: 'House styles, whole pairs of attributes and a domain held out',
    about: `The same styles in a split that is harder: for each of the eight formats one closing is held out in every domain, so that no
training task has both, and one domain is held out as a whole ([the world](../worlds/smollm2/README.md)). The joint LoRA and the generator were
trained about half as long as above: 300 and 500 steps. ${BASE}`,
    limits: [
      'Every single attribute but the held-out domain occurs in training tasks.',
      'By what was held out (seed 1): the pair of format and closing alone, 45.0 % on 20 tasks (joint LoRA 1.0 %); the domain, 0 % on 4 (0 %).',
    ],
    build: '--world styles --split pairs',
  },
  instructions: {
    title: 'Instruction tasks on SmolLM2-135M-Instruct',
    about: `Unlike tasks whose prompts carry their instruction: the second word of a list, the capital of a country, a verb's past tense,
the intent of a message ([the world](../worlds/smollm2/instructions.md)). Tasks are held out inside their clusters, and none is a
variant of a training task. **On all held-out tasks the generator is not shown to be better than the joint LoRA, nor with a task's own
prompts than with another's or a random condition**: each of these intervals reaches zero, and what was asked of the last two, 5
points, is not there. The builds differ: seed 1 adds 1.7 points to the joint LoRA (−1.1 – +4.8), seed 2 6.5 (+2.3 – +11.6). The loss on training tasks
fell by a third; little of that reaches operations which no training task has. The world's page says what was tried. ${BASE}`,
    limits: [
      'The joint LoRA was trained for 500 steps of 16 examples, the generator from there on for 800 of 24: a joint LoRA trained as long is not in the table.',
      'Products with the base were in bfloat16 (`--precision bf16`) while training, in float32 in the evaluation.',
      "The test inputs are new, the knowledge that they ask for is the base's own: what it does not know, no adapter tells it.",
    ],
    build: '--world instructions',
  },
};

/** @param {string} name one of WORLDS; @param {object[]} evaluations of it, in order of their seeds */
function smollm2Section(name, evaluations) {
  const { title, about, limits, build } = WORLDS[name];
  const tables = Object.entries(PARTS).flatMap(([part, text]) => {
    const builds = evaluations.filter((one) => one.part === part);
    if (builds.length === 0) return [];
    return [`### ${text.title}\n\n${countsOf(builds)} ${text.about}\n\n${buildsTable(builds)}\n`];
  });
  const seeds = new Set(evaluations.map(({ seed }) => seed)).size;
  const spread =
    seeds > 1
      ? `**${counted(seeds, 'build')}**, each with its own joint LoRA, generator and draws, on the same base and the same source data.`
      : `**1 build.** The interval is over tasks and prompt draws of a build; how much builds differ, another seed shows.`;
  return `## ${title}

${about}

${tables.join('\n')}
### What this does not show

${[...limits, spread].map((limit) => `- ${limit}`).join('\n')}

### Make it again

\`\`\`bash
npm run world:smollm2 -- ${build} --work /tmp/world --base SmolLM2-135M-Instruct.Q4_1.gguf --encoder all-MiniLM-L6-v2
node scripts/evidence.cjs add --world ${name} --part tasks --seed 1 --index /tmp/world/${name}/tasks/index.json /tmp/world/${name}/evaluation.json
node scripts/evidence.cjs
\`\`\`
`;
}

module.exports = { PARTS, smollm2Section, WORLDS };
