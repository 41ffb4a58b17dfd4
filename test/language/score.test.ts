import type { AppliedAdapter } from '../../src/language/index.js';
import { type AnsweringModel, scoresOf, type Trial } from '../../src/language/score.js';

const KNOWS = new Map<AppliedAdapter, string>();

/** A model whose base answers "none", and whose adapters answer the one thing that they know, with padding. */
class Double implements AnsweringModel {
  readonly calls: number[] = [];

  async generate(prompts: readonly string[], { adapters }: { adapters?: unknown } = {}): Promise<string[]> {
    this.calls.push(prompts.length);
    return prompts.map((_, index) => ` ${this.#answer(adapters, index)}\n`);
  }

  async logLikelihood(items: readonly { response: string }[], { adapters }: { adapters?: unknown } = {}) {
    return items.map(({ response }, index) => {
      const answer = this.#answer(adapters, index);
      const sum = answer === response ? -1 : -2 * response.length;
      // A letter a token; how an answer ends is never known.
      const shared = [...answer].findIndex((letter, place) => letter !== response[place]);
      const text = shared < 0 ? answer : answer.slice(0, shared + 1);
      return { sum, tokens: response.length, greedy: { text, tokens: text.length, complete: false } };
    });
  }

  #answer(adapters: unknown, index: number): string {
    return KNOWS.get((adapters as AppliedAdapter[])[index]!) ?? 'none';
  }
}

function adapterThatKnows(answer: string): AppliedAdapter {
  const adapter = { config: {}, tensors: new Map() } as unknown as AppliedAdapter;
  KNOWS.set(adapter, answer);
  return adapter;
}

const task = (...responses: string[]) => ({ test: responses.map((response) => ({ prompt: 'p', response })) });

test('each trial is answered with its own adapter, and scored by its own items', async () => {
  const trials: Trial[] = [
    { task: task('red', 'blue'), adapter: adapterThatKnows('red') },
    { task: task('none'), adapter: null },
    { task: task('green', 'red', 'green'), adapter: adapterThatKnows('green') },
  ];
  const scores = await scoresOf(new Double(), trials, { maxNewTokens: 4 });
  expect(scores.map(({ exactMatch }) => exactMatch)).toEqual([1 / 2, 1, 2 / 3]);
  // Means over tokens, not over items: (−1 − 8) / (3 + 4), …
  expect(scores.map(({ logLikelihood }) => logLikelihood)).toEqual([-9 / 7, -1 / 4, -8 / 13]);
});

test('trials are answered together, but never so many that a call has more than 64 items of several', async () => {
  const model = new Double();
  const sizes = [30, 30, 10, 100, 1];
  const trials = sizes.map((size) => ({ task: task(...Array<string>(size).fill('none')), adapter: null }));
  const done: number[] = [];
  const scores = await scoresOf(model, trials, { maxNewTokens: 4 }, (count) => done.push(count));
  expect(scores.map(({ exactMatch }) => exactMatch)).toEqual([1, 1, 1, 1, 1]);
  expect(model.calls).toEqual([60, 10, 100, 1]);
  expect(done).toEqual([2, 3, 4, 5]);
});
