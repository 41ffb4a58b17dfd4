import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { convert } from '../../src/conversion/index.js';
import { Generator } from '../../src/generator/generator.js';
import { digestOf } from '../generator/bytes.js';
import { createTiny, PROMPTS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);
const sizeOf = async (name: string) => (await stat(join(at(name), 'decoder.safetensors'))).size;

async function generated(name: string): Promise<string> {
  using generator = await Generator.load(at(name));
  return digestOf(await generator.generate(PROMPTS));
}

beforeEach(async () => {
  using generator = await createTiny();
  await generator.save(at('made'));
});

test('a generator becomes one of half the size, and that one the same in float32', async () => {
  const conversion = await convert(at('made'), at('half'), { dtype: 'bf16' });
  expect(conversion).toMatchObject({ from: 'generator', to: 'generator', facts: { dtype: 'bf16', preset: null } });
  expect(await sizeOf('half')).toBeLessThan(0.6 * (await sizeOf('made')));
  await convert(at('half'), at('whole'));
  expect(await sizeOf('whole')).toBe(await sizeOf('made'));
  expect(await generated('whole')).toBe(await generated('half'));
  expect(await generated('whole')).not.toBe(await generated('made'));
});

test.each([
  ['a dtype that generators do not have', 'half', { dtype: 'q8_0' }, /no dtype "q8_0" of generators/],
  ['the name of a file', 'half.gguf', {}, /becomes the folder of a generator/],
  ['an option that means nothing', 'half', { rank: 2 }, /a generator, for which rank means nothing/],
  ['its own folder', 'made', { force: true }, /made/],
] as const)('%s is refused', async (_, output, options, message) => {
  await expect(convert(at('made'), at(output), options)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});

test('a generator that is there is replaced only by force', async () => {
  await convert(at('made'), at('half'), { dtype: 'f16' });
  await expect(convert(at('made'), at('half'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  await convert(at('made'), at('half'), { dtype: 'bf16', force: true });
});
