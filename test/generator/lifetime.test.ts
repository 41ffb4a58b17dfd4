import type { GeneratedAdapter } from '../../src/generator/generated-adapter.js';
import type { Generator } from '../../src/generator/generator.js';
import { resultOf, runProgram } from '../engine/child.js';
import { digestOf } from './bytes.js';
import { createTiny, PROMPTS, SLOW_SETTINGS } from './tiny.js';

const DISPOSED = expect.objectContaining({ code: 'DISPOSED' });

/** A `generate` call on a slow generator that has started decoding. */
async function begin(generator: Generator, signal?: AbortSignal): Promise<{ work: Promise<GeneratedAdapter> }> {
  let work!: Promise<GeneratedAdapter>;
  await new Promise<void>((decoding) => {
    const onProgress = (_: number, stage: string) => {
      if (stage === 'decode') decoding();
    };
    work = generator.generate(PROMPTS, { signal, onProgress });
    work.catch(() => {});
  });
  return { work };
}

describe('abort', () => {
  test('stops the work midway with the reason, and the generator works on', async () => {
    const generator = await createTiny(SLOW_SETTINGS);
    const controller = new AbortController();
    const reason = new Error('the user left');
    const { work } = await begin(generator, controller.signal);
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
    expect((await generator.generate(PROMPTS)).tensors.size).toBe(28);
    generator.dispose();
  });

  test('before the beginning does no work', async () => {
    const generator = await createTiny();
    const onProgress = jest.fn();
    const signal = AbortSignal.abort('before');
    await expect(generator.generate(PROMPTS, { signal, onProgress })).rejects.toBe('before');
    await expect(generator.generateMany({ a: PROMPTS }, { signal, onProgress }).next()).rejects.toBe('before');
    await expect(generator.save('nowhere', { signal })).rejects.toBe('before');
    expect(onProgress).not.toHaveBeenCalled();
    generator.dispose();
  });

  test('of a queued call rejects at once', async () => {
    const generator = await createTiny(SLOW_SETTINGS);
    const { work: running } = await begin(generator);
    const controller = new AbortController();
    const waiting = generator.generate(PROMPTS, { signal: controller.signal });
    controller.abort('no patience');
    await expect(waiting).rejects.toBe('no patience');
    await running;
    generator.dispose();
  });

  test('of the creation stops the initialisation', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort('enough');
    await expect(createTiny({ signal: controller.signal, onProgress })).rejects.toBe('enough');
  });
});

describe('dispose', () => {
  test('ends every use, and may be called twice', async () => {
    const generator = await createTiny();
    generator.dispose();
    generator[Symbol.dispose]();
    expect(generator.disposed).toBe(true);
    await expect(generator.generate(PROMPTS)).rejects.toEqual(DISPOSED);
    await expect(generator.generateMany({ a: PROMPTS }).next()).rejects.toEqual(DISPOSED);
    await expect(generator.save('nowhere')).rejects.toEqual(DISPOSED);
  });

  test('stops the work under way and those that wait; asyncDispose waits until they have', async () => {
    const generator = await createTiny(SLOW_SETTINGS);
    const ended: string[] = [];
    const { work } = await begin(generator);
    const calls = [work, generator.generate(PROMPTS)];
    const outcomes = Promise.allSettled(calls.map((call) => call.finally(() => ended.push('call'))));
    await generator[Symbol.asyncDispose]();
    ended.push('disposed');
    expect(await outcomes).toEqual(calls.map(() => ({ status: 'rejected', reason: DISPOSED })));
    expect(ended).toEqual(['call', 'call', 'disposed']);
  });
});

describe('at once', () => {
  test('calls on one generator are serialised, with the same results as alone', async () => {
    const generator = await createTiny();
    const sets = PROMPTS.map((prompt) => [prompt]);
    const alone: string[] = [];
    for (const set of sets) alone.push(digestOf(await generator.generate(set)));
    const together = await Promise.all(sets.map((set) => generator.generate(set)));
    expect(together.map(digestOf)).toEqual(alone);
    generator.dispose();
  });

  test('two generators give what they would give alone', async () => {
    const generators = [await createTiny({ seed: 1, threads: 2 }), await createTiny({ seed: 2, threads: 2 })];
    const alone: string[] = [];
    for (const generator of generators) alone.push(digestOf(await generator.generate(PROMPTS)));
    const calls = Array.from({ length: 20 }, (_, index) => generators[index % 2]!.generate(PROMPTS));
    expect((await Promise.all(calls)).map(digestOf)).toEqual(calls.map((_, index) => alone[index % 2]));
    for (const generator of generators) generator.dispose();
  });

  test('timers of the program go on ticking', async () => {
    const generator = await createTiny(SLOW_SETTINGS);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const began = performance.now();
    await generator.generate(PROMPTS);
    const milliseconds = performance.now() - began;
    clearInterval(timer);
    generator.dispose();
    expect(ticks).toBeGreaterThan(milliseconds / 5 / 4);
  });
});

describe('in a process of its own', () => {
  jest.setTimeout(60_000);

  test('1,000 rounds of generate and dispose, some aborted, leave the resident memory flat', async () => {
    const { warm, end } = await resultOf<{ warm: number; end: number }>('../../generator/programs/thousand-rounds', {
      // A young generation that may grow would hide a leak of a few megabytes.
      nodeOptions: ['--expose-gc', '--max-semi-space-size=1'],
    });
    expect(end - warm).toBeLessThan(8e6);
  });

  test('an aborted generate gives its memory back', async () => {
    const { before, during, after } = await resultOf<Record<'before' | 'during' | 'after', number>>(
      '../../generator/programs/aborted-memory',
      { nodeOptions: ['--expose-gc'] },
    );
    expect(during - before).toBeGreaterThan(20e6);
    expect(after - before).toBeLessThan((during - before) / 2);
  });

  test('many calls at once with one signal are no leak of listeners', async () => {
    expect(await runProgram('../../generator/programs/shared-signal')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('workers that are terminated while they generate: no crash, and the main thread generates on', async () => {
    const found = await resultOf('../../generator/programs/terminated-workers');
    expect(found).toEqual({ terminated: 8, same: true });
  });
});
