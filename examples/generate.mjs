// Prompts in, LoRA adapters out: creates a small, untrained generator for SmolLM2-135M, then one adapter for the word
// problems of GSM8K and one for the programming tasks of HumanEval. Run it in a clone, after `npm install`:
//   node examples/generate.mjs [folder]
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Generator, readPromptSet } from 'dnd-lora';

const out = process.argv[2] ?? 'example-output';
const here = fileURLToPath(new URL('.', import.meta.url));

// Ctrl-C stops the work at its next tile and leaves no partial output behind.
const controller = new AbortController();
process.once('SIGINT', () => controller.abort(new Error('interrupted')));
const { signal } = controller;

const generator = await Generator.create({
  base: join(here, 'bases/smollm2-135m.json'),
  encoder: 'hash',
  // From the condition (32 prompts, 64 tokens, 96 channels) to the 1590 weight tokens of a rank-8 adapter.
  features: [
    [32, 64, 96],
    [64, 32, 128],
    [256, 16, 160],
    [512, 10, 194],
    [1590, 10, 194],
  ],
  kernelSize: 5,
  signal,
});

try {
  await generator.save(join(out, 'generator'), { force: true, signal });
  const sets = {
    mathematics: await readPromptSet(join(here, 'prompts/gsm8k.json')),
    programming: await readPromptSet(join(here, 'prompts/humaneval.json')),
  };
  for await (const { name, adapter } of generator.generateMany(sets, { seed: 0, signal })) {
    await adapter.save(join(out, name), { force: true, signal });
    const { generator: source, prompts, seconds, adapter: made } = adapter.report;
    console.log(
      `${join(out, name)}: ${made.tensors} tensors, ${made.parameters} parameters, norm ${made.norm.toFixed(2)}`,
    );
    console.log(
      `  ${prompts.used} of ${prompts.given} prompts, ${prompts.tokens} tokens, ${prompts.truncated.length} truncated`,
    );
    console.log(`  encode ${seconds.encode.toFixed(2)} s, decode ${seconds.decode.toFixed(2)} s for both`);
    if (source.notice) console.log(`  ${source.notice}`);
  }
} finally {
  generator.dispose();
}
