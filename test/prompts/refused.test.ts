import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { readPromptSet } from '../../src/prompts/index.js';
import { usePromptFiles } from './files.js';

const { folder, file, read } = usePromptFiles();

test.each(['.txt', '.csv', '.json', '.jsonl'])(
  'what is in place of a %s file is named, not read as prompts',
  async (kind) => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 12345\n';
    await expect(read(`pointer${kind}`, pointer)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(/pointer\.\w+: it is a Git LFS pointer, not the file itself\. Fetch the file/),
    });
    for (const [content, what] of [
      ['<!doctype html><html></html>', 'an HTML page'],
      ['PK\x03\x04 and more', 'a zip archive'],
      ['PAR1\x15\x04', 'a Parquet file'],
    ] as const)
      await expect(read(`other${kind}`, Buffer.from(content, 'latin1'))).rejects.toMatchObject({
        message: expect.stringContaining(`it is ${what}`),
      });
  },
);

describe('bad prompt files get an error that says what to do', () => {
  test.each([
    ['a.txt', '', 'there are no prompts in it'],
    ['a.txt', ' \n\t\n', 'there are no prompts in it'],
    ['a.txt', 'fine\nbi\0nary\n', 'the prompt in line 2 has a NUL character'],
    ['a.json', '[]', 'there are no prompts in it'],
    ['a.json', '["one", ""]', 'the prompt of item 2 of 2 is empty'],
    ['a.json', '[{"prompt": " \\n\\t"}]', 'the prompt of item 1 of 1 is empty'],
    ['a.json', '["a\\u0000b"]', 'the prompt of item 1 of 1 has a NUL character'],
    ['a.json', '["one", 2]', 'the prompt of item 2 of 2 is 2; expected a string'],
    ['a.json', '["one", null]', 'the prompt of item 2 of 2 is null'],
    ['a.json', '[["one"]]', 'the prompt of item 1 of 1 is ["one"]'],
    ['a.json', '[{"promt": "one"}]', 'it is an object with the keys ["promt"]; the nearest known form is {"prompt"'],
    ['a.json', '[{"id": 1, "anwser": "one"}]', 'the nearest known form is {"question": …, "answer": …}'],
    ['a.json', '[{"message": "one"}]', 'the nearest known form is {"messages": [{"role": "user"'],
    ['a.json', '[{"prompt": 7}]', 'it is {"prompt":7}'],
    ['a.json', '[{"conversations": []}]', 'there are no prompts in it'],
    ['a.json', '[{"conversations": [null]}]', 'turn 1 of the conversation of item 1 of 1 is null'],
    ['a.json', '"one"', 'it is "one"; expected an array'],
    ['a.json', '{"questions": ["one"]}', 'it is {"questions":["one"]}; expected an array'],
    ['a.json', '["one",\n "two"', 'it is not valid JSON'],
    ['a.json', '["one"\n "two"]', 'line 2 column 2'],
    ['a.json', '', 'it is not valid JSON'],
    ['a.jsonl', '{"prompt": "one"}\n{"prompt": ', 'line 2 is not valid JSON'],
    ['a.jsonl', '"one"\n\n{"prompt": ""}', 'the prompt in line 3 is empty'],
    ['a.jsonl', '"one"\n[]', 'the prompt in line 2 is []'],
    ['a.csv', '', 'there are no prompts in it'],
    ['a.csv', 'prompt\n', 'there are no prompts in it'],
    ['a.csv', 'Frage,Antwort\none,two\n', 'none of its columns ["Frage","Antwort"] is known to have prompts'],
    ['a.csv', 'id,prompt\n1,one\n2,\n', 'the prompt that ends in line 3 is empty'],
    ['a.csv', 'id,prompt\n1,one,two\n', 'it is not valid CSV'],
    ['a.csv', 'prompt\n"one\n', 'it is not valid CSV'],
    ['a.csv', '"', 'it is not valid CSV'],
    ['a.parquet', 'PAR1', 'Convert it: python -c "import sys, pandas; pandas.read_parquet(sys.argv[1]).to_json('],
    ['a.tar.gz', '', 'prompt files end in .txt, .json, .jsonl, .ndjson, .csv, .tsv, each also with .gz'],
    ['noextension', 'one', 'prompt files end in .txt, .json, .jsonl, .ndjson, .csv, .tsv, each also with .gz'],
  ])('%s with %j: %s', async (name, content, message) => {
    const path = await file(name, content);
    await expect(readPromptSet(path)).rejects.toMatchObject({
      name: 'DndError',
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining(message),
    });
    await expect(readPromptSet(path)).rejects.toThrow(path);
  });

  test.each(['a.txt', 'a.json', 'a.jsonl', 'a.csv'])('%s that is not UTF-8', async (name) => {
    const path = await file(name, Buffer.from('one\ncaf\xe9\n', 'latin1'));
    await expect(readPromptSet(path)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(/UTF-8.*line 2/),
    });
  });

  test('UTF-16', async () => {
    const path = await file('a.txt', Buffer.from('\ufeffone\n', 'utf16le'));
    await expect(readPromptSet(path)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining('UTF-16'),
    });
  });

  test('a file that does not exist', async () => {
    await expect(readPromptSet(join(folder(), 'missing.txt'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  test('a folder', async () => {
    await expect(readPromptSet(folder())).rejects.toMatchObject({
      code: 'READ_FAILED',
      message: expect.stringContaining('it is a folder'),
    });
  });

  test('a file far too large for a prompt set, which is not read to its end', async () => {
    const path = await file('huge.txt', 'one\n');
    await truncate(path, 2 ** 40);
    await expect(readPromptSet(path)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining('larger than 256 MiB'),
    });
  });

  test.each([
    ['many.txt', 'a\n', ''],
    ['many.jsonl', '"a"\n', ''],
    ['many.json', '"a",', '"a"]'],
  ])(
    '%s with more prompts than anyone has',
    async (name, item, end) => {
      const path = await file(name, `${name.endsWith('.json') ? '[' : ''}${item.repeat(1_000_001)}${end}`);
      await expect(readPromptSet(path)).rejects.toMatchObject({
        code: 'INVALID_PROMPTS',
        message: expect.stringContaining(`${path}: it has more than 1000000 prompts`),
      });
    },
    60_000,
  );

  test('JSON with more values than there is memory for, before they are made', async () => {
    const path = await file('values.json', '['.repeat(2 ** 24 + 1));
    await expect(readPromptSet(path)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining('it has more than 16777216 values'),
    });
  });

  test.each([
    ['deep.json', 'it is not valid JSON: it is nested more than 1000 deep'],
    ['deep.jsonl', 'line 1 is not valid JSON: it is nested more than 1000 deep'],
  ])('%s that is nested without end', async (name, message) => {
    const path = await file(name, `[{"prompt":${'['.repeat(100_000)}${']'.repeat(100_000)}}]`);
    await expect(readPromptSet(path)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining(message),
    });
  });

  test('a value without end, of which the error shows the beginning', async () => {
    const path = await file(
      'long.json',
      JSON.stringify([{ prompt: 7, other: 'x'.repeat(100_000) }, ['y'.repeat(100_000)]]),
    );
    const error = await readPromptSet(path).catch((thrown) => thrown);
    expect(error.message.length).toBeLessThan(1000);
  });

  test.each([[undefined], [7], [''], ['a\0.txt'], [{}]])('%p, which is not a path', async (path) => {
    await expect(readPromptSet(path as string)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('any bytes at all: prompts or an error of ours, never a crash', async () => {
    const name = fc.constantFrom('any.txt', 'any.json', 'any.jsonl', 'any.csv');
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.string({ unit: fc.constantFrom(...'[]{}",:;\\\n\t \0ab1prompt'), maxLength: 60 }).map((s) => Buffer.from(s)),
    );
    await fc.assert(
      fc.asyncProperty(name, bytes, async (name, content) => {
        const result = await read(name, content).catch((error) => error);
        if (Array.isArray(result)) {
          expect(result.length).toBeGreaterThan(0);
          for (const prompt of result) expect(prompt).toMatch(/\S/);
        } else {
          expect(['INVALID_PROMPTS', 'CORRUPT_FILE']).toContain(result.code);
        }
      }),
      { numRuns: 400 },
    );
  });
});
