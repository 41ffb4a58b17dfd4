import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Item {
  prompt: string;
  response: string;
}
interface Source {
  task: string;
  licence: string;
  train: Item[];
  test: Item[];
}

const LABELS = ['red card', 'lost key', 'new bill'];
const numbered = (count: number, make: (number: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Words of our own, which end in a number: `q` for none that another text begins with. */
const plural = (stem: string) => (number: number) => {
  const word = `${stem}${number}q`;
  const prompts = [`Make this word plural: ${word}`, `What is the plural of ${word}?`, `${word} - plural`];
  return { prompt: prompts[number % 3]!, response: `${word}s` };
};
const intent = (stem: string) => (number: number) => {
  const text = `please see to ${stem}${number}q, would you?`;
  const labels = LABELS.join(', ');
  const prompts = [`Choose the intent (${labels}): ${text}`, `${text}\nWhich intent: ${labels}?`];
  return { prompt: prompts[number % 2]!, response: LABELS[number % 3]! };
};
const review = (stem: string) => (number: number) => ({
  prompt: `Label as positive or negative: it is ${stem}${number}q`,
  response: 'positive',
});

/** The word of each text of a made source: `seen…` to train on, `kept…` to test on. */
export const textIn = (prompt: string): string => /(seen|kept|review)\d+q/.exec(prompt)![0];

/** Two domains that may be shipped and one that may not. Of `plural`, three words to train on are to test on as well. */
export const madeSources = (train = 30, test = 12): Source[] => [
  {
    task: 'singular-plural',
    licence: 'MIT (our own)',
    train: [
      ...numbered(train, plural('seen')),
      { prompt: 'Make this word plural: kept0q', response: 'kept0qs' },
      { prompt: 'What is the plural of Kept1Q?', response: 'Kept1Qs' },
      { prompt: 'kept2q. - plural', response: 'kept2qs' },
    ],
    test: numbered(test, plural('kept')),
  },
  {
    task: 'intent_banking',
    licence: 'CC-BY-3.0 (our own)',
    train: numbered(train, intent('seen')),
    test: numbered(test, intent('kept')),
  },
  {
    task: 'sst',
    licence: 'original data set, research use: never for shipped weights',
    train: numbered(train, review('seen')),
    test: numbered(test, review('kept')),
  },
];

/** Writes a source folder as `readDomains` reads it. */
export async function writeSources(folder: string, sources: Source[]): Promise<void> {
  const index = sources.map(({ task, licence }) => ({ task, cluster: 'made', licence }));
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  for (const { task, train, test } of sources) {
    await writeFile(join(folder, `${task}.json`), JSON.stringify({ train, test }));
  }
}
