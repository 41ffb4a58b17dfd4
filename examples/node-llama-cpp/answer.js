// An adapter for the prompts of a task, used at once by llama.cpp in the same process:
//   node answer.js BASE.gguf ENCODER PROMPTS QUESTION [GENERATOR]
// For the default generator BASE is SmolLM2-135M-Instruct, and ENCODER the folder of all-MiniLM-L6-v2.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Generator, readPromptSet } from 'dnd-lora';
import { getLlama, LlamaChatSession } from 'node-llama-cpp';

const [base, encoder, prompts, question, path = '@dnd-lora/smollm2-135m'] = process.argv.slice(2);

const folder = await mkdtemp(join(tmpdir(), 'adapter-'));
const generator = await Generator.load(path, { encoder });
try {
  const adapter = await generator.generate(await readPromptSet(prompts), { seed: 0 });
  await adapter.save(join(folder, 'adapter'), { format: 'gguf' });
} finally {
  generator.dispose(); // its memory is free before the base is loaded
}

// Its threads wait for each other busily: with more of them than free processors they are many times slower.
const maxThreads = Math.max(1, availableParallelism() - 1);
const llama = await getLlama({ gpu: false, maxThreads, build: 'never', skipDownload: true });
const model = await llama.loadModel({ modelPath: base });
for (const adapters of [[], [{ filePath: join(folder, 'adapter', 'adapter.gguf') }]]) {
  const context = await model.createContext({ contextSize: 512, lora: { adapters } });
  const session = new LlamaChatSession({ contextSequence: context.getSequence(), systemPrompt: '' });
  const answer = await session.prompt(question, { maxTokens: 64, temperature: 0 });
  console.log(JSON.stringify({ adapter: adapters.length > 0, answer }));
  await context.dispose();
}
await llama.dispose();
await rm(folder, { recursive: true });
