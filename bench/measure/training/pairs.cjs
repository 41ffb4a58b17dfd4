const { mkdir, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { AdapterLayout, baseModelFromConfig, LoraAdapter, writePeft } = require('../../../dist/adapter/index.js');
const { repeatedNormals } = require('../../random.cjs');

const PROMPTS = require('../../../examples/prompts/gsm8k.json').map((item) => ({ prompt: item.prompt ?? item }));
const TASKS = 4;
const CHECKPOINTS = 12;
/** Standard deviation of a fine-tuned LoRA's weights, roughly. */
const SPREAD = 0.02;

/** A pairs folder of random adapters of a decoder's base, and real prompts, other ones for each task. */
async function writePairs(folder, { base, rank, chunk }) {
  const layout = new AdapterLayout({ base: baseModelFromConfig(base, 'the benchmark'), rank, chunk });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'pairs.json'), JSON.stringify({ formatVersion: 1, base }));
  for (let task = 0; task < TASKS; task++) {
    const place = join(folder, `task-${task}`);
    await mkdir(join(place, 'checkpoints'), { recursive: true });
    const prompts = PROMPTS.filter((_, index) => index % TASKS === task);
    await writeFile(join(place, 'prompts.json'), JSON.stringify(prompts));
    for (let checkpoint = 1; checkpoint <= CHECKPOINTS; checkpoint++) {
      const values = repeatedNormals(layout.elementCount, CHECKPOINTS * task + checkpoint);
      const scaled = values.map((value) => SPREAD * value);
      const adapter = LoraAdapter.fromValues(layout, scaled, { alpha: 2 * rank, useRslora: false });
      await writePeft(join(place, 'checkpoints', `checkpoint-${checkpoint}`), adapter, { dtype: 'F32' });
    }
  }
  return { tasks: TASKS, checkpoints: TASKS * CHECKPOINTS, prompts: PROMPTS.length };
}

module.exports = { writePairs };
