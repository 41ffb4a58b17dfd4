import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PromptItem, readPromptItems, readPromptSet } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function read(name: string, content: string): Promise<PromptItem[]> {
  await writeFile(join(folder(), name), content);
  return readPromptItems(join(folder(), name));
}

const item = (prompt: string, response = ''): PromptItem => ({ prompt, response });

test.each<[string, string, PromptItem[]]>([
  ['a name that begins as another with a comma', 'prompt, long name\tquestion\nfoo, bar\tWhat?\n', [item('What?')]],
  [
    'commas in prompts without a header',
    'What is silt, exactly?\nWhat is clay?\n',
    [item('What is silt, exactly?'), item('What is clay?')],
  ],
  ['commas that separate after all', 'prompt,response\na,b\n', [item('a', 'b')]],
  ['a cell with a line break', 'question\tanswer\n"Why\nnot?"\tb\n', [item('Why\nnot?', 'b')]],
  ['a cell with a tab', 'question\tanswer\n"Why\tnot?"\tb\n', [item('Why\tnot?', 'b')]],
])('a .tsv file is separated by tabs first: %s', async (_, content, items) => {
  expect(await read('a.tsv', content)).toEqual(items);
});

test.each([
  ['a.tsv', 'question\tanswer\n"Why\tb\nBecause"\tc\n', 'line 3'],
  ['a.tsv', 'prompt\tresponse\r\n"open\tA1\r\nsecond\tA2\r\nthird"\tA3\r\n', 'line 4'],
  ['a.csv', 'sep=\t\nquestion\tanswer\n"Why\tb\nBecause"\tc\n', 'line 4'],
])('rows with tabs that stray quotes may have joined are refused: %s with %j', async (name, content, line) => {
  await expect(read(name, content)).rejects.toMatchObject({
    code: 'INVALID_PROMPTS',
    message: expect.stringContaining(`the row that ends in ${line} is ambiguous: it is several rows`),
  });
});

test('standard input is separated as the header with prompts and responses is', async () => {
  async function* input() {
    yield Buffer.from('prompt, long name\tquestion\tanswer\nfoo, bar\tWhat?\tx\n');
  }
  expect(await readPromptSet('-', input())).toEqual(['What?']);
});

test.each(['\n', '\r\n'])('rows are found by the line in which they end, with line breaks %j', async (end) => {
  const content = ['id,prompt', '"1', '2', '3",one', '4,', ''].join(end);
  await expect(read('a.csv', content)).rejects.toThrow('the prompt that ends in line 5 is empty');
});
