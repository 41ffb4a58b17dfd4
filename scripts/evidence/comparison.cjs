const { COMPARISON } = require('../../worlds/smollm2/worlds.cjs');
const { percent } = require('./figures.cjs');

/** What each variant does, in a few words; its settings are those of worlds/smollm2/comparison.cjs. */
const ABOUT = {
  behaviour: 'behaviour loss alone, compared with responses',
  'behaviour-checkpoints': 'behaviour loss alone, compared with the predictions of the tasks’ own LoRAs',
  tokens: 'token loss alone (reconstruction), `targets` `raw`',
  both: 'both losses in every step',
  'tokens-first': 'token loss first, then behaviour loss (`tokenSteps`)',
  'tokens-canonical': 'token loss, `targets` `canonical`',
  'tokens-delta': 'loss on B·A, `targets` `delta`',
  'tokens-basis': 'token loss, coefficients of 32 principal directions (`basis`)',
  'behaviour-basis': 'behaviour loss, coefficients of 32 principal directions',
  'behaviour-learned': 'behaviour loss, coefficients of 32 learned directions (`basisKind` `learned`)',
};

/** Rows that do not depend on the variant. */
const COMMON = ['base', 'joint', 'meanOfTraining'];

/** @param {object[]} evaluations of the comparison, one for each variant (`part`) */
function comparisonSection(evaluations) {
  const variants = Object.keys(COMPARISON.variants).flatMap((name) => evaluations.filter(({ part }) => part === name));
  const [{ tasks, items, draws, seed }] = variants;
  const common = COMMON.flatMap((row) => {
    const found = variants.flatMap(({ rows }) => rows.filter((one) => one.row === row))[0];
    return found ? [line([found.label, '', figure(found), found.logLikelihood.toFixed(3), ''])] : [];
  });
  const lines = variants.map(({ part, rows }) => {
    const of = (row) => rows.find((one) => one.row === row);
    const generated = of('generated');
    return line([
      ABOUT[part],
      work(part),
      figure(generated),
      generated.logLikelihood.toFixed(3),
      figure(of('otherPrompts')),
    ]);
  });
  return `## Which loss, and which targets

Settings of \`dnd train\` on a small world of house styles: two domains, 64 training tasks with a LoRA each (30 steps of 8 examples from a
joint LoRA of 200 steps on), one decoder of 4.4 million parameters (with a basis it ends in coefficients), the same learning rate ([the world](../worlds/smollm2/comparison.cjs)). Evaluated are
${tasks} held-out tasks, ${items} test items, ${draws} draws of prompts, of tasks that are in no other table here; ${variants.length} runs of seed ${seed}.

| | steps × sequences of the base | exact match, % (95 % interval) | log-likelihood per token | control: another task’s prompts, % |
|---|---|---|---|---|
${[...common, ...lines].join('\n')}

${VERDICT}

### What this does not show

- **1 seed**, one decoder, one learning rate: differences of a few points are chance, and each setting may be better with another rate.
- The token loss alone has ${COMPARISON.variants.tokens.steps} steps of ${COMPARISON.variants.tokens.batch} checkpoints, which take less time than ${COMPARISON.variants.behaviour.steps} steps with the base.

### Make it again

\`\`\`bash
npm run world:smollm2 -- --world comparison --work /tmp/world --base SmolLM2-135M-Instruct.Q4_1.gguf --encoder all-MiniLM-L6-v2
for part in ${Object.keys(ABOUT).join(' ')}; do node scripts/evidence.cjs add --world comparison --part $part --seed 1 /tmp/world/comparison/$part.json; done
node scripts/evidence.cjs
\`\`\`
`;
}

const VERDICT = `Only the canonical targets fail: nearby adapters are far apart in that form ([training.md](training.md#targets)). With a LoRA of every
training task, reconstruction alone does as well as the behaviour loss alone, and the behaviour loss after it better than either; so that is
what \`dnd train --loss both\` does unless told otherwise. \`raw\` stays the default of \`targets\`: \`delta\` is as good, and its steps take two
to three times as long. Of the others the intervals overlap. What the table does not count: the LoRAs of the training tasks took 20 minutes, and
the behaviour loss from a joint LoRA needs none of them.`;

const line = (cells) => `| ${cells.join(' | ')} |`;
const figure = (row) => (row ? `${percent(row.exactMatch)} (${row.interval.map(percent).join(' – ')})` : '');

/** What a variant's steps cost: with the token loss alone the base does not run. */
function work(name) {
  const { loss, steps, tokenSteps = 0, batch, sequences } = COMPARISON.variants[name];
  if (loss === 'tokens') return `${steps} × 0`;
  const withBase = `${steps - tokenSteps} × ${batch * sequences}`;
  return tokenSteps > 0 ? `${tokenSteps} × 0, ${withBase}` : withBase;
}

module.exports = { comparisonSection, PARTS: Object.keys(ABOUT) };
