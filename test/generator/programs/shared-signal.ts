import { createTiny, PROMPTS } from '../tiny.js';

/** More calls at once than Node lets have a listener each. */
const CALLS = 24;

async function main(): Promise<void> {
  const { signal } = new AbortController();
  const generator = await createTiny();
  await Promise.all(Array.from({ length: CALLS }, (_, seed) => generator.generate(PROMPTS, { seed, signal })));
  generator.dispose();
}

main();
