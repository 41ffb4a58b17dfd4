import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { SplitMix64 } from '../../src/random/split-mix.js';

const { makeText } = require('../../examples/pocket/corpus.cjs');
const { splitTasks } = require('../../examples/pocket/split.cjs');
const { isTestContent, makeStory, TEMPLATES } = require('../../examples/pocket/stories.cjs');
const { allTasks, makeItems, makeNeutralItems } = require('../../examples/pocket/tasks.cjs');
const { languageWords, SPECIAL_TOKENS, tokenizerFiles } = require('../../examples/pocket/tokenizer.cjs');
const { MANNERS, QUESTIONS, ROLES, SPEAKERS } = require('../../examples/pocket/words.cjs');

interface Task {
  name: string;
  question: number;
  speaker: number;
  manner: number;
}
interface Item {
  prompt: string;
  response: string;
}

const tasks: Task[] = allTasks();
const seeds = fc.integer({ min: 0, max: 2 ** 32 });
const someTask = fc.constantFrom(...tasks);
/** As the hash encoder and the tokenizer see words. */
const wordsOf = (text: string): string[] => text.match(/[A-Za-z]+|[^A-Za-z\s]/g) ?? [];

describe('the split of the tasks', () => {
  const pairs = (split: Task[]) =>
    new Set(
      split.flatMap(({ question, speaker, manner }) => [
        `question ${question} speaker ${speaker}`,
        `question ${question} manner ${manner}`,
        `speaker ${speaker} manner ${manner}`,
      ]),
    );

  test('holds out 30 combinations of attributes whose every pair is trained on', () => {
    const everyPair = QUESTIONS.length * SPEAKERS.length + (QUESTIONS.length + SPEAKERS.length) * MANNERS.length;
    fc.assert(
      fc.property(seeds, (seed) => {
        const { train, heldOut } = splitTasks(SplitMix64.seeded(seed));
        expect([train.length, heldOut.length]).toEqual([90, 30]);
        expect([...train, ...heldOut].map(({ name }: Task) => name).sort()).toEqual(
          tasks.map(({ name }) => name).sort(),
        );
        expect(pairs(train).size).toBe(everyPair);
      }),
    );
  });

  test('of the reduced world also holds out a quarter of the combinations, whose every pair is trained on', () => {
    const [questions, speakers, manners] = [
      [1, 2, 4],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ];
    fc.assert(
      fc.property(seeds, (seed) => {
        const { train, heldOut } = splitTasks(SplitMix64.seeded(seed), { questions, speakers, manners });
        expect([train.length, heldOut.length]).toEqual([36, 12]);
        expect(pairs(train).size).toBe(3 * 4 + 3 * 4 + 4 * 4);
      }),
    );
  });

  test('is another one for another seed, and the same for the same', () => {
    const heldOut = (seed: number) => splitTasks(SplitMix64.seeded(seed)).heldOut.map(({ name }: Task) => name);
    expect(heldOut(1)).toEqual(heldOut(1));
    expect(heldOut(1)).not.toEqual(heldOut(2));
  });
});

describe('the items of a task', () => {
  test('copy the asked word of the story between the opening of the speaker and the ending of the manner', () => {
    fc.assert(
      fc.property(someTask, seeds, fc.constantFrom('train', 'test'), (task, seed, use) => {
        const { role, article } = QUESTIONS[task.question];
        const [{ opening }, { ending }] = [SPEAKERS[task.speaker], MANNERS[task.manner]];
        for (const { prompt, response } of makeItems(task, SplitMix64.seeded(seed), use, 8) as Item[]) {
          const word = response.slice(opening.length + article.length, response.length - ending.length);
          expect(response).toBe(opening + article + word + ending);
          expect(ROLES[role]).toContain(word);
          expect(wordsOf(prompt)).toContain(word);
        }
      }),
    );
  });

  test('show each cue of theirs in about half of the prompts, and none of another attribute', () => {
    const count = 400;
    for (const task of [tasks[0]!, tasks[61]!, tasks[119]!]) {
      const items: Item[] = makeItems(task, SplitMix64.seeded(3), 'train', count);
      for (const [all, own] of [
        [QUESTIONS, task.question],
        [SPEAKERS, task.speaker],
        [MANNERS, task.manner],
      ] as [{ cues: string[] }[], number][]) {
        for (const [place, { cues }] of all.entries()) {
          const shown = items.filter(({ prompt }) => cues.some((cue) => prompt.includes(cue))).length;
          if (place === own) expect(Math.abs(shown / count - 0.5)).toBeLessThan(0.1);
          else expect(shown).toBe(0);
        }
      }
    }
  });

  test('are all different, at most 32 words long, and the same for the same seed', () => {
    fc.assert(
      fc.property(someTask, seeds, (task, seed) => {
        const items: Item[] = makeItems(task, SplitMix64.seeded(seed), 'train', 64);
        expect(new Set(items.map(({ prompt }) => prompt)).size).toBe(64);
        expect(Math.max(...items.map(({ prompt }) => wordsOf(prompt).length))).toBeLessThanOrEqual(32);
        expect(makeItems(task, SplitMix64.seeded(seed), 'train', 64)).toEqual(items);
      }),
      { numRuns: 30 },
    );
  });

  test('without cues have replies of the tasks that they are made of', () => {
    const some = tasks.slice(0, 10);
    const items: Item[] = makeNeutralItems(some, SplitMix64.seeded(1), 200);
    const allCues: string[] = [...QUESTIONS, ...SPEAKERS, ...MANNERS].flatMap(({ cues }) => cues);
    expect(items.filter(({ prompt }) => allCues.some((cue) => prompt.includes(cue)))).toEqual([]);
    const styles = some.map(({ speaker, manner }) => [SPEAKERS[speaker].opening, MANNERS[manner].ending]);
    for (const { response } of items)
      expect(styles.some(([opening, ending]) => response.startsWith(opening) && response.endsWith(ending))).toBe(true);
  });
});

test('a story of the test is never told in training, and each names a word of every role', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = SplitMix64.seeded(seed);
      const [seen, kept] = [makeStory(random, 'train'), makeStory(random, 'test')];
      expect([isTestContent(seen.content), isTestContent(kept.content)]).toEqual([false, true]);
      for (const { text, content } of [seen, kept])
        expect(wordsOf(text)).toEqual(expect.arrayContaining(Object.values(content)));
    }),
  );
  for (const template of TEMPLATES)
    expect([...template.matchAll(/\{(\w+)\}/g)].map(([, role]) => role).sort()).toEqual(Object.keys(ROLES).sort());
});

describe('the corpus', () => {
  type Text = { text: string } | { turns: Item[] };
  const texts = Array.from({ length: 3000 }, (_, index): Text => makeText(SplitMix64.derived(5, index)));
  const replies = texts.flatMap((text) => ('turns' in text ? text.turns.map(({ response }) => response) : []));

  test('has no reply in the style of a task', () => {
    const styled = replies.filter(
      (reply) =>
        SPEAKERS.some(({ opening }: { opening: string }) => reply.startsWith(opening)) &&
        MANNERS.some(({ ending }: { ending: string }) => reply.endsWith(ending)),
    );
    expect(styled).toEqual([]);
  });

  test('consists of words that the tokenizer knows', () => {
    const known = new Set<string>(languageWords());
    const all = texts.flatMap((text) =>
      'turns' in text ? text.turns.flatMap(({ prompt, response }) => [prompt, response]) : [text.text],
    );
    expect(all.flatMap(wordsOf).filter((word) => !known.has(word))).toEqual([]);
  });
});

describe('the tokenizer', () => {
  const { files, vocabulary } = tokenizerFiles();
  const tokenizer = new Tokenizer(files['tokenizer.json'], files['tokenizer_config.json']);

  test('has a token for each word, at most 512', () => {
    expect(vocabulary.slice(0, SPECIAL_TOKENS.length)).toEqual(SPECIAL_TOKENS);
    expect(new Set(vocabulary).size).toBe(vocabulary.length);
    expect(vocabulary.length).toBeLessThanOrEqual(512);
  });

  test('reads and writes prompts and responses without a change', () => {
    fc.assert(
      fc.property(someTask, seeds, (task, seed) => {
        const [{ prompt, response }] = makeItems(task, SplitMix64.seeded(seed), 'train', 1) as [Item];
        for (const text of [prompt, response]) {
          const { ids } = tokenizer.encode(text, { add_special_tokens: false });
          expect(ids).toHaveLength(wordsOf(text).length);
          expect(tokenizer.decode(ids, { skip_special_tokens: true })).toBe(text);
        }
      }),
    );
  });

  test('gives words outside the language the unknown token, and keeps its own tokens whole', () => {
    const ids = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
    expect(ids('The submarine')).toEqual([vocabulary.indexOf('The'), 0]);
    expect(ids('<begin><user>The fox<reply>')).toEqual(
      ['<begin>', '<user>', 'The', 'fox', '<reply>'].map((token) => vocabulary.indexOf(token)),
    );
  });
});
