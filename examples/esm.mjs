// Prompts of a file in, an adapter out, with import: node examples/esm.mjs [generator] [prompts] [folder]
// By default by the pocket generator, which the package contains, for one of its tasks.
import { fileURLToPath } from 'node:url';
import { Generator, readPromptSet } from 'dnd-lora';

const packaged = (path) => fileURLToPath(new URL(path, import.meta.resolve('dnd-lora/package.json')));
const [
  path = packaged('pocket/generator'),
  prompts = packaged('pocket/tasks/who-king-glad/prompts.json'),
  out = 'example-output/esm',
] = process.argv.slice(2);

const generator = await Generator.load(path);
try {
  const onProgress = (fraction, stage) => process.stderr.write(`\r${stage} ${Math.round(100 * fraction)} %   `);
  const adapter = await generator.generate(await readPromptSet(prompts), { seed: 0, onProgress });
  await adapter.save(out, { force: true });
  const { prompts: used, seconds } = adapter.report;
  process.stderr.write('\n');
  console.log(`${out}: ${used.used} of ${used.given} prompts, decoded in ${(1000 * seconds.decode).toFixed(0)} ms`);
} finally {
  generator.dispose();
}
