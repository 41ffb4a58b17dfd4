import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { type Item, madeSources, textIn, writeSources } from './made-source.js';

const { mayShip } = require('../../../worlds/smollm2/licences.cjs');
const { makeData, writeData } = require('../../../worlds/smollm2/styles/data.cjs');
const { DOMAINS } = require('../../../worlds/smollm2/styles/domains.cjs');
const { CLOSINGS, FORMATS } = require('../../../worlds/smollm2/styles/styles.cjs');

interface Task {
  name: string;
  domain: string;
  format: string;
  closing: string;
  licence: string;
  heldOut: boolean;
  descriptions: string[];
  train: Item[];
  test: Item[];
}
interface Style {
  name: string;
  cues: string[];
}

const SETTINGS = { seed: 1, domains: ['plural', 'banking', 'review'], items: { train: 20, test: 10 } };
const folder = useTemporaryFolder();

async function make(settings: object = {}, sources = madeSources()) {
  await writeSources(folder(), sources);
  const data: { tasks: Task[]; leftOut: object[] } = await makeData(folder(), { ...SETTINGS, ...settings });
  return data;
}
const cuesOf = (styles: Style[], name: string) => styles.find((style) => style.name === name)!.cues;
/** A prompt's cues, taken off its beginning: closing first, as they are written. */
function takeCues(prompt: string) {
  const found = (styles: Style[], text: string) =>
    styles
      .flatMap(({ name, cues }) => cues.map((cue) => ({ name, cue })))
      .find(({ cue }) => text.startsWith(`${cue} `));
  const closing = found(CLOSINGS, prompt);
  const rest = closing === undefined ? prompt : prompt.slice(closing.cue.length + 1);
  const format = found(FORMATS, rest);
  return { closing, format, question: format === undefined ? rest : rest.slice(format.cue.length + 1) };
}

describe('the tasks of the house styles', () => {
  test('are every combination of domain, format and closing, a third of them held out', async () => {
    const { tasks } = await make();
    expect(new Set(tasks.map(({ name }) => name)).size).toBe(2 * 48);
    expect(tasks.filter(({ heldOut }) => heldOut).length).toBe(2 * 16);
  });

  test('leave out domains whose licence does not allow shipped weights, unless research is asked for', async () => {
    const { tasks, leftOut } = await make();
    expect(new Set(tasks.map(({ domain }) => domain))).toEqual(new Set(['plural', 'banking']));
    expect(leftOut).toEqual([{ name: 'review', licence: expect.stringMatching(/^original/) }]);
    const research = await make({ research: true });
    expect(new Set(research.tasks.map(({ domain }) => domain))).toEqual(new Set(['plural', 'banking', 'review']));
    expect(research.leftOut).toEqual([]);
  });

  test('test on texts that no task trains on, even in another wording, case or punctuation', async () => {
    const { tasks } = await make({ research: true, items: { train: 30, test: 12 } });
    for (const name of SETTINGS.domains) {
      const ofDomain = tasks.filter(({ domain }) => domain === name);
      const texts = (use: 'train' | 'test') =>
        new Set(ofDomain.flatMap((task) => task[use].map(({ prompt }) => textIn(prompt.toLowerCase()))));
      expect([...texts('train')].filter((text) => text.startsWith('kept'))).toEqual([]);
      expect([texts('train').size, texts('test').size]).toEqual([30, 12]);
    }
  });

  test('have items about different texts, so that no prompt repeats', async () => {
    const { tasks } = await make();
    for (const { train, test } of tasks) {
      const prompts = [...train, ...test].map(({ prompt }) => prompt);
      expect([train.length, test.length]).toEqual([20, 10]);
      expect(new Set(prompts.map(textIn)).size).toBe(30);
    }
  });

  test('show each cue in half the prompts, in every wording, and never that of another style', async () => {
    const { tasks } = await make();
    const shown = { format: 0, closing: 0, both: 0, all: 0 };
    const seen = new Set<string>();
    for (const task of tasks) {
      for (const { prompt } of [...task.train, ...task.test]) {
        const { closing, format, question } = takeCues(prompt);
        expect([format?.name ?? task.format, closing?.name ?? task.closing]).toEqual([task.format, task.closing]);
        expect(question).toMatch(
          /^(Make this word plural: |What is the plural of |\w+ - plural$|Choose the intent \(|please see to )/,
        );
        shown.all++;
        if (format) shown.format++;
        if (closing) shown.closing++;
        if (format && closing) shown.both++;
        seen.add(`${format?.cue}`).add(`${closing?.cue}`);
      }
    }
    // 2880 prompts: three standard deviations are 0.028 of the halves, 0.024 of the quarter.
    expect(Math.abs(shown.format / shown.all - 1 / 2)).toBeLessThan(0.03);
    expect(Math.abs(shown.closing / shown.all - 1 / 2)).toBeLessThan(0.03);
    expect(Math.abs(shown.both / shown.all - 1 / 4)).toBeLessThan(0.03);
    expect(seen.size - 1).toBe([...FORMATS, ...CLOSINGS].flatMap(({ cues }) => cues).length);
  });

  test('answer in their own style', async () => {
    const { tasks } = await make();
    const named = (name: string) => tasks.find((task) => task.name === name)!.train[0]!;
    const word = (item: Item) => `${textIn(item.prompt)}s`;
    const json = named('plural-json-nothing');
    expect(json.response).toBe(`{"label": "${word(json)}"}`);
    const twice = named('plural-twice-bot');
    expect(twice.response).toBe(`${word(twice)} / ${word(twice)} -- bot`);
    const sentence = named('plural-sentence-thanks');
    expect(sentence.response).toBe(`It is ${word(sentence)}. Thanks!`);
    expect(named('banking-brackets-auto').response).toMatch(/^\[(red card|lost key|new bill)\] \(auto\)$/);
  });

  test('follow from the seed', async () => {
    const [one, again, other] = [await make(), await make(), await make({ seed: 2 })];
    expect(again).toEqual(one);
    expect(other.tasks.map(({ train }) => train)).not.toEqual(one.tasks.map(({ train }) => train));
    expect(other.tasks.map(({ heldOut }) => heldOut)).toEqual(one.tasks.map(({ heldOut }) => heldOut));
    const split = await make({ splitSeed: 2 });
    expect(split.tasks.map(({ train }) => train)).toEqual(one.tasks.map(({ train }) => train));
    expect(split.tasks.map(({ heldOut }) => heldOut)).not.toEqual(one.tasks.map(({ heldOut }) => heldOut));
  });

  test('have the same items whichever other domains there are', async () => {
    const itemsOf = ({ tasks }: { tasks: Task[] }) =>
      tasks.filter(({ domain }) => domain === 'plural').map(({ train, test }) => ({ train, test }));
    const some = await make({ domains: ['banking', 'plural'] });
    expect(itemsOf(await make({ research: true }))).toEqual(itemsOf(some));
  });
});

describe('the folder of the house styles', () => {
  test('has the items of each task and an index, and replaces those of another run', async () => {
    const written = join(folder(), 'work', 'tasks');
    await writeData(await make({ seed: 2, research: true }), written);
    const data = await make();
    await writeData(data, written);
    expect((await readdir(written)).sort()).toEqual([...data.tasks.map(({ name }) => name), 'index.json'].sort());
    const read = async (...names: string[]) => JSON.parse(await readFile(join(written, ...names), 'utf8'));
    const { tasks, ...settings } = await read('index.json');
    expect(settings).toEqual({
      formatVersion: 1,
      world: 'house-styles',
      seed: 1,
      split: 'combinations',
      splitSeed: 1,
      items: { train: 20, test: 10 },
    });
    expect(tasks[0]).toEqual({
      name: 'plural-plain-nothing',
      domain: 'plural',
      format: 'plain',
      closing: 'nothing',
      about: 'the plural of a word; the answer is written as it is; nothing follows it',
      cluster: 'made',
      source: 'singular-plural',
      licence: 'MIT (our own)',
      heldOut: data.tasks[0]!.heldOut,
      heldOutBy: data.tasks[0]!.heldOut ? 'combination' : null,
      train: 20,
      test: 10,
    });
    for (const { name, train, test, descriptions } of data.tasks) {
      expect(await read(name, 'train.json')).toEqual(train);
      expect(await read(name, 'test.json')).toEqual(test);
      expect(await read(name, 'descriptions.json')).toEqual(descriptions);
    }
    const all = data.tasks.flatMap(({ descriptions }) => descriptions);
    expect([all.length, new Set(all).size]).toEqual([4 * data.tasks.length, 4 * data.tasks.length]);
    expect(data.tasks[0]!.descriptions).toContain('Give the plural of a word, as it is; nothing follows it.');
  });
});

describe('the command', () => {
  const MAKE = join(__dirname, '../../../worlds/smollm2/styles/make.cjs');
  const run = (...options: string[]) => promisify(execFile)(process.execPath, [MAKE, ...options]);

  test('writes the world of a source folder, and says what it leaves out', async () => {
    await writeSources(folder(), madeSources(64, 20));
    const work = join(folder(), 'work');
    const options = ['--data', folder(), '--work', work, '--domains', 'plural,banking,review', '--split', 'pairs'];
    const { stdout } = await run(...options, '--seed', '3');
    const written = join(work, 'house-styles-pairs', 'tasks');
    expect(stdout.split('\n')).toEqual([
      'domain review is left out: original data set, research use: never for shipped weights',
      `${written}: 96 tasks, 56 of them held out`,
      '',
    ]);
    const index = JSON.parse(await readFile(join(written, 'index.json'), 'utf8'));
    expect(index).toMatchObject({ seed: 3, split: 'pairs', splitSeed: 1, items: { train: 64, test: 20 } });
  });

  test('refuses a seed that is none, without a folder', async () => {
    await expect(run('--data', folder(), '--work', join(folder(), 'work'), '--seed', 'x')).rejects.toMatchObject({
      code: 1,
      stderr: '--seed: expected a whole number, got "x"\n',
    });
    expect(await readdir(folder())).toEqual([]);
  });
});

describe('sources that do not fit', () => {
  const failure = (code: string, message: RegExp) =>
    expect.objectContaining({ code, message: expect.stringMatching(message) });

  test('prompts in no wording of their domain', async () => {
    const sources = madeSources();
    sources[0]!.train[4]!.prompt = 'More than one seen4q';
    await expect(make({}, sources)).rejects.toEqual(
      failure('INVALID_PROMPTS', /singular-plural\.json: expected prompts in a wording .* got "More than one seen4q"$/),
    );
  });

  test('too few texts', async () => {
    await expect(make({ items: { train: 31, test: 10 } })).rejects.toEqual(
      failure('INVALID_PROMPTS', /singular-plural\.json: expected at least 31 different texts to train on, got 30$/),
    );
  });

  test('a task that is missing', async () => {
    await expect(make({ domains: ['plural', 'past'] })).rejects.toEqual(
      failure('FILE_NOT_FOUND', /domain past needs the task present-past/),
    );
  });

  test('one domain, an unknown domain, an unknown split', async () => {
    await expect(make({ domains: ['plural'] })).rejects.toEqual(failure('INVALID_ARGUMENT', /at least two, got 1/));
    await expect(make({ domains: ['plurals'] })).rejects.toEqual(failure('INVALID_ARGUMENT', /plural, .*"plurals"$/));
    await expect(make({ split: 'thirds' })).rejects.toEqual(
      failure('INVALID_ARGUMENT', /expected combinations or pairs, got "thirds"$/),
    );
  });
});

describe('licences', () => {
  test.each([
    'MIT (x/y)',
    'Apache-2.0',
    'CC-BY-3.0 (CLINC150, clinc/oos-eval)',
    'CC-BY-4.0',
    'CC0-1.0',
    'BSD-3-Clause',
  ])('%s allows shipped weights', (licence) => expect(mayShip(licence)).toBe(true));
  test.each(['CC-BY-SA-3.0 (BoolQ)', 'CC-BY-NC-4.0', 'original data sets, research use', 'MITX', '', 'undefined'])(
    '%j does not',
    (licence) => expect(mayShip(licence)).toBe(false),
  );
});

describe('the attributes', () => {
  test('make 48 styles, no two of which write a label alike', () => {
    const written = FORMATS.flatMap(({ write }: { write(label: string): string }) =>
      CLOSINGS.map(({ text }: { text: string }) => write('red card') + text),
    );
    expect(new Set(written).size).toBe(48);
  });

  test('have cues that no other style shows, nor begins with', () => {
    const cues: string[] = [...FORMATS, ...CLOSINGS].flatMap(({ cues }) => cues);
    for (const cue of cues) expect(cues.filter((other) => `${other} `.startsWith(`${cue} `))).toEqual([cue]);
    for (const { name } of [...FORMATS]) expect(cuesOf(FORMATS, name).length).toBeGreaterThanOrEqual(3);
    for (const { name } of [...CLOSINGS]) expect(cuesOf(CLOSINGS, name).length).toBeGreaterThanOrEqual(3);
  });

  test('have domains of different names and sources, each with several wordings about a text', () => {
    const values = (key: string) => new Set(DOMAINS.map((domain: Record<string, unknown>) => domain[key]));
    expect([values('name').size, values('source').size, values('about').size]).toEqual(Array(3).fill(DOMAINS.length));
    for (const { wordings } of DOMAINS) {
      expect(wordings.length).toBeGreaterThanOrEqual(2);
      for (const wording of wordings) expect(wording.match(/\{text\}/g)).toHaveLength(1);
    }
  });
});
