import { digestOf } from '../bytes.js';
import { createTiny, PROMPTS, TINY_TOKENS } from '../tiny.js';

/** Aborts one pass midway and one before it starts; then generates the adapter, and disposes midway through another. */
async function main() {
  const settings = { device: 'cuda', features: [[8, 16, 16], [24, 24, 24], TINY_TOKENS], kernelSize: 5 } as const;
  const generator = await createTiny({ ...settings });
  const outcomes: string[] = [];
  const attempt = async (stop: (abort: () => void, fraction: number) => void, signal: AbortController) => {
    const onProgress = (fraction: number) => stop(() => signal.abort(new Error('enough')), fraction);
    await generator.generate(PROMPTS, { signal: signal.signal, onProgress }).then(
      () => outcomes.push('done'),
      ({ code, message }) => outcomes.push(code ?? message),
    );
  };
  const reference = digestOf(await generator.generate(PROMPTS));
  // The first pass was recorded: this one repeats it. The next ones are of another batch, and recorded anew.
  await attempt((abort, fraction) => fraction > 0 && abort(), new AbortController());
  await attempt((abort) => abort(), new AbortController());
  const same = digestOf(await generator.generate(PROMPTS)) === reference;
  const last = generator.generate(PROMPTS).then(
    () => 'done',
    ({ code }) => code,
  );
  setTimeout(() => generator.dispose(), 5);
  console.log(JSON.stringify({ outcomes, same, disposed: await last }));
}

void main();
