import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseCsv } from '../../src/prompts/csv.js';
import { readPromptSet } from '../../src/prompts/index.js';
import { abortedAfterTicks } from '../encoder/event-loop.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

/** Standard input that holds `content`, in two chunks. */
async function* input(content: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  const middle = bytes.length >> 1;
  yield bytes.subarray(0, middle);
  yield bytes.subarray(middle);
}

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
    const pipe = join(folder(), 'pipe');
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
    const pipe = join(folder(), 'silent');
    execFileSync('mkfifo', [pipe]);
    await aborted(pipe);
  });

  test('of a named pipe in which half a prompt is', async () => {
    const pipe = join(folder(), 'half');
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
    await expect(readPromptSet(join(folder(), 'missing.txt'), undefined, signal)).rejects.toBe(reason);
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
