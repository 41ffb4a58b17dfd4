import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readTasks, withTexts } from '../../src/evaluation/tasks.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const items = (...prompts: string[]) => prompts.map((prompt) => ({ prompt, response: prompt.toUpperCase() }));

async function write(path: string, value: unknown): Promise<void> {
  await mkdir(join(folder(), path, '..'), { recursive: true });
  await writeFile(join(folder(), path), JSON.stringify(value));
}

test('tasks are folders with prompts.json or train.json, or files with train and test', async () => {
  await write('b/prompts.json', ['p1', 'p2']);
  await write('b/train.json', items('not used'));
  await write('b/test.json', items('q'));
  await write('a/train.json', items('t1', 't2'));
  await write('a/test.json', items('q'));
  await write('c.json', { train: items('f1'), test: items('f2') });
  await write('index.json', {});
  const tasks = await readTasks(folder());
  expect(tasks.map(({ name, prompts }) => [name, prompts])).toEqual([
    ['a', ['t1', 't2']],
    ['b', ['p1', 'p2']],
    ['c', ['f1']],
  ]);
  expect(tasks[2]!.test).toEqual([{ prompt: 'f2', response: 'F2' }]);
  expect((await readTasks(folder(), ['b'])).map(({ name }) => name)).toEqual(['b']);
});

test('the files of a task may have any form of prompt file', async () => {
  await mkdir(join(folder(), 'a'));
  await writeFile(join(folder(), 'a', 'prompts.tsv'), 'question\tid\np\t1\n');
  await writeFile(join(folder(), 'a', 'test.jsonl.gz'), gzipSync('{"instruction":"q","output":"Q"}\n'));
  await write('b.json', {
    train: [{ question: 'p' }],
    test: [{ messages: [{ role: 'user', content: 'q' }], gold: 'Q' }],
  });
  const test = [{ prompt: 'q', response: 'Q' }];
  expect(await readTasks(folder(), ['a'])).toEqual([{ name: 'a', prompts: ['p'], test }]);
  await expect(readTasks(folder(), ['b'])).rejects.toThrow('no response');
  await write('b.json', { train: [{ question: 'p', gold: 'P' }], test: [{ question: 'q', gold: 'Q' }] });
  expect(await readTasks(folder(), ['b'], { responseField: 'gold' })).toEqual([{ name: 'b', prompts: ['p'], test }]);
});

test('the names of a task’s files may be in capitals', async () => {
  await write('a/Prompts.JSON', ['p']);
  await mkdir(join(folder(), 'a'), { recursive: true });
  await writeFile(join(folder(), 'a', 'TEST.CSV'), 'prompt,response\nq,Q\n');
  await write('b.JSON', { train: items('p'), test: items('q') });
  await write('Index.JSON', {});
  const test = [{ prompt: 'q', response: 'Q' }];
  expect(await readTasks(folder())).toEqual([
    { name: 'a', prompts: ['p'], test },
    { name: 'b', prompts: ['p'], test },
  ]);
});

test.each([
  [
    'a task that is a folder and a file',
    { 'a/test.json': items('q'), 'a.json': {} },
    undefined,
    'twice, as a and a.json',
  ],
  [
    'two prompt files that differ in case',
    { 'a/test.json': items('q'), 'a/prompts.json': ['p'], 'a/prompts.JSON': ['p'] },
    undefined,
    'expected one, got prompts.JSON, prompts.json',
  ],
  [
    'a file of a form that is not read, in capitals',
    { 'a/test.json': items('q'), 'a/prompts.PARQUET': [] },
    undefined,
    '.parquet files are not read',
  ],
  [
    'two test files',
    { 'a/test.json': items('q'), 'a/test.jsonl': 'q', 'a/prompts.json': ['p'] },
    undefined,
    'expected one, got test.json, test.jsonl',
  ],
  [
    'a task without prompts',
    { 'a/test.json': items('q') },
    undefined,
    'has no prompts; expected prompts.txt, prompts.json',
  ],
  [
    'an unknown task',
    { 'animals/test.json': items('q'), 'animals/prompts.json': ['p'] },
    ['animal'],
    'did you mean "animals"?',
  ],
  ['a folder without tasks', { 'x/y.json': 1 }, undefined, 'has no tasks'],
  ['a task without test items', { 'c.json': { train: items('p'), test: [] } }, undefined, '0 test items'],
  [
    'an item without a response',
    { 'c.json': { train: items('p'), test: [{ prompt: 'q', response: '' }] } },
    undefined,
    'item 1 of',
  ],
  ['a file of another form', { 'c.json': { train: 3 } }, undefined, 'train'],
])('%s is refused by name', async (_, files, names, words) => {
  for (const [path, value] of Object.entries(files)) await write(path, value);
  await expect(readTasks(folder(), names)).rejects.toMatchObject({ message: expect.stringContaining(words) });
});

test('descriptions of a task are read beside its prompts, or instead of them', async () => {
  await write('a/train.json', items('p'));
  await write('a/descriptions.json', ['capital letters', 'upper case']);
  await write('a/test.json', items('q'));
  await mkdir(join(folder(), 'b'));
  await writeFile(join(folder(), 'b', 'descriptions.txt'), 'shout\n');
  await write('b/test.json', items('q'));
  await write('c.json', { descriptions: ['c'], train: items('p'), test: items('q') });
  const [a, b, c] = await readTasks(folder());
  expect([a, b, c].map((task) => task!.descriptions)).toEqual([['capital letters', 'upper case'], ['shout'], ['c']]);
  expect(withTexts(a!, 'descriptions')).toEqual({ name: 'a', texts: ['capital letters', 'upper case'], test: a!.test });
  expect(withTexts(a!, 'prompts').texts).toEqual(['p']);
  expect(() => withTexts(b!, 'prompts')).toThrow(
    'task b has no prompts, and the generator makes adapters from prompts',
  );
  await write('d.json', { descriptions: [' '], train: items('p'), test: items('q') });
  await expect(readTasks(folder(), ['d'])).rejects.toThrow('d.json: descriptions');
});
