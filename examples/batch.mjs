// Adapters for many tasks: node examples/batch.mjs [generator] [tasks] [folder]
// A task is a folder with prompts.json. Finished adapters are kept, so that the next run goes on where this one was stopped.
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Generator, readPromptSet } from 'dnd-lora';

const packaged = (path) => fileURLToPath(new URL(path, import.meta.resolve('dnd-lora/package.json')));
const [path = packaged('pocket/generator'), tasks = packaged('pocket/tasks'), out = 'example-output/batch'] =
  process.argv.slice(2);

const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('interrupted')));
const { signal } = controller;

const names = (await readdir(tasks)).sort();
const missing = names.filter((name) => !existsSync(join(out, name, 'adapter_config.json')));
console.log(`${names.length} tasks, ${names.length - missing.length} of them done before`);

/** Read as they are needed. */
async function* promptSets() {
  for (const name of missing) yield [name, await readPromptSet(join(tasks, name, 'prompts.json'))];
}

const generator = await Generator.load(path, { signal });
let done = 0;
try {
  for await (const { name, adapter } of generator.generateMany(promptSets(), { seed: 0, batchSize: 8, signal })) {
    await adapter.save(join(out, name), { signal });
    done++;
    process.stderr.write(`\r${done} of ${missing.length}`);
  }
} catch (error) {
  if (!signal.aborted) throw error;
} finally {
  generator.dispose();
}
process.stderr.write('\n');
console.log(`${done} adapters written to ${out}${signal.aborted ? ', then interrupted' : ''}`);
