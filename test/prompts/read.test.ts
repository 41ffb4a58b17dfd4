import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { parseCsv } from '../../src/prompts/csv.js';
import { readPromptSet } from '../../src/prompts/index.js';
import { abortedAfterTicks } from '../encoder/event-loop.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dnd-prompts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function read(name: string, content: string | Uint8Array): Promise<string[]> {
  return readPromptSet(await file(name, content));
}

/** Standard input that holds `content`, in two chunks. */
async function* input(content: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  const middle = bytes.length >> 1;
  yield bytes.subarray(0, middle);
  yield bytes.subarray(middle);
}

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

describe('text files', () => {
  test('contain one prompt per line; blank lines are skipped and spaces are kept', async () => {
    expect(await read('a.txt', 'first\n\n  second \n \t \nthird')).toEqual(['first', '  second ', 'third']);
  });

  test('may end their lines as Windows and old Macs do', async () => {
    expect(await read('a.txt', 'first\r\nsecond\rthird\r\n')).toEqual(['first', 'second', 'third']);
  });

  test('may start with a byte order mark', async () => {
    expect(await read('a.txt', '\ufefffirst\nsecond')).toEqual(['first', 'second']);
  });

  test('may begin with a question about HTML', async () => {
    expect(await read('a.txt', '<html> What is this?\n<body>?')).toEqual(['<html> What is this?', '<body>?']);
  });

  test('may be named in capitals', async () => {
    expect(await read('A.TXT', 'first')).toEqual(['first']);
  });

  test('give back whatever lines were written', async () => {
    const line = fc
      .string({ unit: 'grapheme', maxLength: 30 })
      .filter((s) => /\S/.test(s) && !/[\r\n\0\ufeff]/.test(s));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1 }), async (lines) => {
        expect(await read('property.txt', lines.join('\n'))).toEqual(lines);
      }),
    );
  });
});

describe('JSON files', () => {
  test.each([
    ['strings', ['one', 'two']],
    ['objects with a prompt', [{ prompt: 'one', response: 'x', system: 'y' }, { prompt: 'two' }]],
    [
      'conversations, of which the first turn counts',
      [
        {
          conversations: [
            { from: 'human', value: 'one' },
            { from: 'gpt', value: 'x' },
          ],
        },
        { conversations: [{ value: 'two' }] },
      ],
    ],
    [
      'conversations that a system message begins, which does not count',
      [
        {
          conversations: [
            { from: 'system', value: 'x' },
            { from: 'human', value: 'one' },
          ],
        },
        'two',
      ],
    ],
    ['an object with such a list as prompts', { prompts: ['one', 'two'] }],
    ['an object with such a list as data', { version: 1, data: [{ prompt: 'one' }, { prompt: 'two' }] }],
  ])('may hold %s', async (_, value) => {
    expect(await read('a.json', JSON.stringify(value, null, 2))).toEqual(['one', 'two']);
  });

  test('may hold a single item', async () => {
    expect(await read('a.json', '{"prompt": "one"}')).toEqual(['one']);
    expect(await read('a.json', '{"conversations": [{"value": "one"}]}')).toEqual(['one']);
  });

  test('may hold JSON Lines after all', async () => {
    expect(await read('a.json', '{"prompt": "one"}\n{"prompt": "two"}\n')).toEqual(['one', 'two']);
  });

  test('keep line breaks and spaces within prompts', async () => {
    expect(await read('a.json', '[" a\\nb \\t"]')).toEqual([' a\nb \t']);
  });

  test('give back whatever prompts were written', async () => {
    const prompt = fc.string({ unit: 'binary', maxLength: 30 }).filter((s) => /\S/.test(s) && !s.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(prompt, { minLength: 1 }), async (prompts) => {
        expect(await read('property.json', JSON.stringify(prompts))).toEqual(prompts);
        expect(await read('property.jsonl', prompts.map((p) => JSON.stringify({ prompt: p })).join('\n'))).toEqual(
          prompts,
        );
      }),
    );
  });

  test('in the examples are all read', async () => {
    const examples = join(__dirname, '..', '..', 'examples', 'prompts');
    const [mathematics, code] = await Promise.all([
      readPromptSet(join(examples, 'gsm8k.json')),
      readPromptSet(join(examples, 'humaneval.json')),
    ]);
    expect(mathematics).toHaveLength(128);
    expect(mathematics[0]).toMatch(/^Janet’s ducks lay 16 eggs/);
    expect(code).toHaveLength(164);
    expect(code[0]).toMatch(/^from typing import List\n/);
  });
});

describe('JSON Lines files', () => {
  test('contain one item per line; blank lines are skipped', async () => {
    const content = '{"prompt": "one"}\r\n\n"two"\n{"conversations": [{"value": "three"}]}';
    expect(await read('a.jsonl', content)).toEqual(['one', 'two', 'three']);
  });
});

describe('CSV files', () => {
  test('hold the prompts in the column called so', async () => {
    const content = 'id,Prompt,response\n1,"one, with a comma",x\n2,"two\nlines",y\n\n3,"say ""three""",z\n';
    expect(await read('a.csv', content)).toEqual(['one, with a comma', 'two\nlines', 'say "three"']);
  });

  test('may have one column without a name', async () => {
    expect(await read('a.csv', 'one\n"two, with a comma"\n')).toEqual(['one', 'two, with a comma']);
  });

  test('may start with a prompt of several lines', async () => {
    expect(await read('a.csv', '"one\nline"\ntwo\n')).toEqual(['one\nline', 'two']);
  });

  test('may have one column with the name', async () => {
    expect(await read('a.csv', '\ufeffprompt\r\none\r\ntwo\r\n')).toEqual(['one', 'two']);
  });

  test.each([';', '\t'])('may separate columns by %j', async (delimiter) => {
    expect(await read('a.csv', `id${delimiter}prompt\n1${delimiter}one, two\n`)).toEqual(['one, two']);
  });
});

describe('standard input', () => {
  test.each([
    ['text', 'one\ntwo\n'],
    ['a JSON array', '["one", "two"]'],
    ['a JSON array of objects', '\n[ {"prompt": "one"}, {"prompt": "two"} ]'],
    ['JSON Lines', '{"prompt": "one"}\n{"prompt": "two"}\n'],
    ['a JSON object over several lines', '{\n  "prompts": ["one", "two"]\n}'],
  ])('may hold %s', async (_, content) => {
    expect(await readPromptSet('-', input(content))).toEqual(['one', 'two']);
  });

  test('may contain text that starts with a bracket', async () => {
    expect(await readPromptSet('-', input('[INST] one\n{name}, two'))).toEqual(['[INST] one', '{name}, two']);
  });

  test('is called so in errors', async () => {
    await expect(readPromptSet('-', input('["one", ""]'))).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining('standard input: the prompt of item 2 of 2 is empty'),
    });
  });

  test('may be a named pipe too', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const [prompts] = await Promise.all([readPromptSet(pipe), writeFile(pipe, 'one\ntwo\n')]);
    expect(prompts).toEqual(['one', 'two']);
  });
});

describe('waiting for prompts ends at an abort', () => {
  const reason = new Error('enough');

  /** Aborts once the read is waiting. */
  async function aborted(path: string, input?: Readable): Promise<void> {
    const controller = new AbortController();
    const waiting = readPromptSet(path, input, controller.signal);
    setImmediate(() => controller.abort(reason));
    await expect(waiting).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  }

  test('of standard input', () => aborted('-', new Readable({ read() {} })));

  test('of a named pipe that nobody opens', async () => {
    const pipe = join(folder, 'silent');
    execFileSync('mkfifo', [pipe]);
    await aborted(pipe);
  });

  test('of a named pipe in which half a prompt is', async () => {
    const pipe = join(folder, 'half');
    execFileSync('mkfifo', [pipe]);
    const [, writer] = await Promise.all([
      aborted(pipe),
      open(pipe, 'r+').then(async (opened) => {
        await opened.write('half a pro');
        return opened;
      }),
    ]);
    await writer.close();
  });

  test('that came before keeps it from beginning', async () => {
    const signal = AbortSignal.abort(reason);
    await expect(readPromptSet(join(folder, 'missing.txt'), undefined, signal)).rejects.toBe(reason);
  });
});

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
    await expect(readPromptSet(join(folder, 'missing.txt'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  test('a folder', async () => {
    await expect(readPromptSet(folder)).rejects.toMatchObject({
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

describe('many lines do not block the event loop', () => {
  test.each([
    ['text', 'a prompt\n'],
    ['JSON Lines', '{"prompt": "a prompt"}\n'],
    ['text with blank lines', `a${'\n'.repeat(20)}`],
  ])('of %s', async (_, line) => {
    // All bytes are there at once, so that no turn is one of reading.
    async function* bytes() {
      yield Buffer.from(line.repeat(150_000));
    }
    const loop = abortedAfterTicks(Number.POSITIVE_INFINITY);
    expect(await readPromptSet('-', bytes())).toHaveLength(150_000);
    loop.end();
    expect(loop.turns()).toBeGreaterThan(3);
  });

  test('of CSV', async () => {
    const loop = abortedAfterTicks(Number.POSITIVE_INFINITY);
    let rows = 0;
    for await (const item of parseCsv('a prompt\n'.repeat(50_000), { source: 'a.csv', fields: {} })) if (item) rows++;
    loop.end();
    expect(rows).toBe(50_000);
    expect(loop.turns()).toBeGreaterThan(3);
  });
});
