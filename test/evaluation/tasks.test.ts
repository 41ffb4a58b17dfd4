import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTasks } from '../../src/evaluation/tasks.js';
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

test.each([
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
    'test[0].response',
  ],
  ['a file of another form', { 'c.json': { train: 3 } }, undefined, 'train'],
])('%s is refused by name', async (_, files, names, words) => {
  for (const [path, value] of Object.entries(files)) await write(path, value);
  await expect(readTasks(folder(), names)).rejects.toMatchObject({ message: expect.stringContaining(words) });
});
