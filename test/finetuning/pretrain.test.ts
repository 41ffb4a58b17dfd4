import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PretrainStep, type TrainLanguageModelOptions, trainLanguageModel } from '../../src/finetuning/index.js';
import { LanguageTokeniser, loadLanguageModel } from '../../src/language/index.js';
import { TINY_CONFIG, TOKENIZERS } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { filesOf } from './workshop.js';

const temporary = useTemporaryFolder();
let tokenizer: object;
let tokenizerConfig: object;
let corpus: number[][];

const SENTENCES = ['The dog sleeps.', 'Tom found a red ball.', 'Lily loved the park.'];

beforeAll(async () => {
  const json = async (name: string) => JSON.parse(await readFile(join(TOKENIZERS, 'byte-fallback', name), 'utf8'));
  tokenizer = await json('tokenizer.json');
  // Without a chat template: sentences are continued as they are.
  tokenizerConfig = { ...(await json('tokenizer_config.json')), chat_template: undefined };
  const files = { tokenizer, config: tokenizerConfig, folder: 'fixture' };
  const tokeniser = new LanguageTokeniser(files, TINY_CONFIG.vocab_size);
  const end = tokeniser.idOf('</s>')!;
  corpus = SENTENCES.map((text) => [...tokeniser.encode(text, { prefix: true }), end]);
});

const train = (name: string, changes: Partial<TrainLanguageModelOptions> = {}) =>
  trainLanguageModel({
    ...{ config: TINY_CONFIG, tokenizer, tokenizerConfig, corpus, out: join(temporary(), name) },
    ...{ steps: 5, batch: 3, learningRate: 0.01, warmupSteps: 2, threads: 1 },
    ...changes,
  });

test('a model that was trained from nothing continues what it has read', async () => {
  const steps: PretrainStep[] = [];
  const { out, loss } = await train('model', { steps: 80, onStep: (step) => steps.push(step) });
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
  expect(steps[0]!.loss).toBeGreaterThan(5);
  expect(loss).toBeLessThan(0.5);
  expect(await readdir(out)).toEqual(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
  const model = await loadLanguageModel(out, { threads: 1 });
  try {
    expect(await model.generate(['The dog', 'Tom found', 'Lily'], { maxNewTokens: 40 })).toEqual([
      'sleeps.',
      'a red ball.',
      'loved the park.',
    ]);
  } finally {
    model.dispose();
  }
});

test('the same options give the same bytes, for any number of threads; another seed gives others', async () => {
  for (const [name, changes] of [
    ['one', {}],
    ['two', { threads: 2 }],
    ['other', { seed: 1 }],
  ] as const)
    await train(name, { ...changes, dtype: 'bf16' });
  const [one, two, other] = await Promise.all(['one', 'two', 'other'].map((name) => filesOf(join(temporary(), name))));
  const weights = 'model.safetensors';
  expect(two).toEqual(one);
  expect(other!.get(weights)!.equals(one!.get(weights)!)).toBe(false);
});

test('labels decide which tokens are learnt', async () => {
  const [dog, ball] = corpus as [number[], number[]];
  // Of the second sentence nothing but its first word is to be predicted.
  const labels = ball.map((id, place) => (place === 1 ? id : -100));
  const steps: PretrainStep[] = [];
  const onStep = (step: PretrainStep) => steps.push(step);
  const ids = Int32Array.from(ball);
  await train('labelled', { corpus: [dog, { ids, labels: Int32Array.from(labels) }], steps: 60, batch: 2, onStep });
  const model = await loadLanguageModel(join(temporary(), 'labelled'), { threads: 1 });
  try {
    const likelihoods = await Promise.all(
      [dog, ball].map((sequence) => {
        const all = Int32Array.from(sequence);
        return model.engine.logLikelihoods({ ids: all, lengths: [all.length] }, all);
      }),
    );
    const [learnt, ignored] = likelihoods.map(([one]) => one!.sum / one!.count);
    expect(learnt!).toBeGreaterThan(-1);
    expect(ignored!).toBeLessThan(-3);
  } finally {
    model.dispose();
  }
});

describe('bad input is refused, and leaves nothing behind:', () => {
  afterEach(async () => {
    expect(await readdir(temporary())).toEqual([]);
  });

  test.each<[string, () => Partial<TrainLanguageModelOptions>, string]>([
    ['an empty corpus', () => ({ corpus: [] }), 'corpus: is not valid; expected a list of at least one sequence'],
    ['a single token', () => ({ corpus: [[5]] }), 'sequence 1 of the corpus cannot be learnt; expected 2 to 96 tokens'],
    ['a sequence beyond the context', () => ({ corpus: [new Int32Array(97)] }), 'got 97 tokens'],
    ['an id beyond the vocabulary', () => ({ corpus: [[1, 384]] }), 'has the token id 384, but the vocab_size is 384'],
    ['an unsupported config', () => ({ config: { ...TINY_CONFIG, model_type: 'gpt2' } }), '"gpt2" are not supported'],
    ['another vocabulary', () => ({ config: { ...TINY_CONFIG, vocab_size: 300 } }), 'tokenizer.json has ids up to'],
    ['an invalid setting', () => ({ steps: 0 }), 'options of trainLanguageModel: steps: is not valid'],
  ])('%s', async (_, changes, message) => {
    await expect(train('model', changes())).rejects.toThrow(message);
  });

  test('an abort', async () => {
    const controller = new AbortController();
    const reason = new Error('stop');
    const run = train('model', { signal: controller.signal, onStep: () => controller.abort(reason) });
    await expect(run).rejects.toBe(reason);
  });
});
