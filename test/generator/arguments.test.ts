import { join } from 'node:path';
import { LoraAdapter, readBaseModel, readPeft } from '../../src/adapter/index.js';
import { DndError } from '../../src/errors.js';
import type { GeneratedAdapter } from '../../src/generator/generated-adapter.js';
import { Generator } from '../../src/generator/generator.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { createTiny, PROMPTS, TINY_SETTINGS } from './tiny.js';

const temporary = useTemporaryFolder();

/** What callers without types may pass for anything. */
const WRONG: [string, unknown][] = [
  ['null', null],
  ['a number', 7],
  ['a BigInt', 1n],
  ['a symbol', Symbol('s')],
  ['an object', {}],
  ['a list of BigInts', [[1n]]],
  ['an object without a prototype', Object.create(null)],
  ['a function', () => {}],
  ['NUL', '\0'],
  ['an empty text', ''],
  ['a text without end', 'x'.repeat(100_000)],
];

let generator: Generator;
let adapter: GeneratedAdapter;
beforeAll(async () => {
  generator = await createTiny();
  adapter = await generator.generate(PROMPTS);
});
afterAll(() => generator.dispose());

/** A result, or an error of ours that names no defect of this package and is short enough to be read. */
async function tried(work: () => unknown): Promise<void> {
  try {
    const result = (await work()) as AsyncIterable<unknown> | Generator | undefined;
    if (result instanceof Generator) result.dispose();
    else if (result && Symbol.asyncIterator in Object(result)) for await (const _ of result as AsyncIterable<unknown>);
  } catch (error) {
    expect(error).toBeInstanceOf(DndError);
    expect((error as DndError).code).not.toBe('INTERNAL');
    expect((error as DndError).message.length).toBeLessThan(5000);
  }
}

describe.each(WRONG)('%s is answered by an error of ours, or taken', (_, value) => {
  const wrong = value as never;
  const saved = () => join(temporary(), String(Math.random()));

  test('as an argument', async () => {
    await tried(() => Generator.load(wrong));
    await tried(() => Generator.load(saved(), wrong));
    await tried(() => Generator.create(wrong));
    await tried(() => generator.generate(wrong));
    await tried(() => generator.generate([wrong]));
    await tried(() => generator.generate(PROMPTS, wrong));
    await tried(() => generator.generateMany(wrong));
    await tried(() => generator.generateMany([[wrong, PROMPTS]]));
    await tried(() => generator.generateMany({ a: wrong }));
    await tried(() => generator.generateMany({ a: PROMPTS }, wrong));
    await tried(() => generator.save(saved(), wrong));
    await tried(() => adapter.save(saved(), wrong));
    await tried(() => readBaseModel(wrong));
    await tried(() => readPeft(wrong));
    await tried(() => new LoraAdapter(wrong, wrong));
    await tried(() => new LoraAdapter(adapter.config, new Map([[wrong, wrong]])));
    await tried(() => LoraAdapter.fromValues(wrong, wrong, wrong));
    await tried(() => LoraAdapter.fromTokens(wrong, wrong, wrong));
  });

  test.each(['threads', 'device', 'precision', 'memoryLimitBytes', 'signal', 'onProgress', 'seed'])(
    'as %s',
    async (name) => {
      const options = { [name]: value } as object;
      await tried(() => Generator.load(saved(), options));
      await tried(() => Generator.create({ ...TINY_SETTINGS, ...options }));
      await tried(() => generator.generate(PROMPTS, options));
      await tried(() => generator.generateMany({ a: PROMPTS }, options));
      await tried(() => generator.save(saved(), options));
      await tried(() => adapter.save(saved(), options));
    },
  );

  test.each(Object.keys(TINY_SETTINGS.base))('as %s of a base, which then can be loaded again', async (name) => {
    const folder = saved();
    await tried(async () => {
      const made = await createTiny({ base: { ...TINY_SETTINGS.base, [name]: value } });
      await made.save(folder).finally(() => made.dispose());
      const loaded = await Generator.load(folder).catch((error) => error);
      expect(loaded).toBeInstanceOf(Generator);
      loaded.dispose();
    });
  });

  test.each(['maxLength', 'rank', 'alpha', 'useRslora', 'modules', 'chunk', 'padding', 'pooling', 'seed', 'preset'])(
    'as %s of a new generator, which then can be loaded again',
    async (name) => {
      const folder = saved();
      await tried(async () => {
        const made = await createTiny({ [name]: value });
        await made.save(folder).finally(() => made.dispose());
        const loaded = await Generator.load(folder).catch((error) => error);
        expect(loaded).toBeInstanceOf(Generator);
        loaded.dispose();
      });
    },
  );
});

test('a folder to save to must not be empty', async () => {
  await expect(generator.save('', { force: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(adapter.save('', { force: true })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('an invalid signal is named', async () => {
  await expect(generator.generate(PROMPTS, { signal: {} as AbortSignal })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('signal in the options of generate'),
  });
});
