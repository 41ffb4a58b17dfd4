import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Conversion } from '../../src/conversion/index.js';
import { floats, publishedTensors } from '../conversion/published-tensors.js';
import { writeCheckpoint } from '../formats/write-pytorch.js';
import { TINY_SETTINGS } from '../generator/tiny.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

const { at, init } = useWorkshop();
const TOKENS = TINY_SETTINGS.features[2][0];

async function writePublished(): Promise<string> {
  await init('--seed', 3);
  const importance = floats([1, TOKENS, 1, 1], new Array(TOKENS).fill(1));
  const tensors = await publishedTensors(at('generator', 'decoder'));
  await writeCheckpoint(at('checkpoint.pth'), { ...tensors, criterion_weight: importance });
  return at('checkpoint.pth');
}

test('a published checkpoint becomes a generator folder', async () => {
  const source = await writePublished();
  const settings = ['--base', at('base'), '--encoder', 'hash', '--rank', 2];
  const { code, result } = await dndJson<Conversion>(['convert', source, at('converted'), ...settings]);
  expect(code).toBe(0);
  expect(result).toMatchObject({
    from: 'checkpoint',
    to: 'generator',
    facts: { preset: null, rank: 2, alpha: 4, kernelSize: 3, weightTokens: TOKENS },
    notes: [],
  });
  const decoder = (name: string) => readFile(join(at(name), 'decoder.safetensors'));
  expect(await decoder('converted')).toEqual(await decoder('generator'));
  const again = await dnd(['convert', source, at('converted'), ...settings]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
  const forced = await dnd(['convert', source, at('converted'), ...settings, '--force']);
  expect(forced).toMatchObject({ code: 0, stdout: expect.stringContaining('weight tokens') });
});

test('its token importance alone, if the output is a safetensors file', async () => {
  const source = await writePublished();
  const { result } = await dndJson<Conversion>(['convert', source, at('importance.safetensors')]);
  expect(result).toMatchObject({ to: 'importance', facts: { tokens: TOKENS, mean: 1 } });
});

test('settings that are missing, of another preset, or of another kind of input', async () => {
  const source = await writePublished();
  const run = (...more: (string | number)[]) => dnd(['convert', source, at('converted'), ...more]);
  expect(await run('--base', at('base'))).toMatchObject({ code: 2, stderr: expect.stringContaining('--encoder') });
  const all = ['--base', at('base'), '--encoder', 'hash'];
  expect(await run(...all, '--preset', 'qwen2.5-7b-math')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is not a checkpoint of the preset qwen2.5-7b-math'),
  });
  expect(await run(...all, '--dtype', 'q4_0')).toMatchObject({ code: 2, stderr: expect.stringContaining('no dtype') });
  const peft = join(__dirname, '../fixtures/peft/qwen2');
  expect(await dnd(['convert', peft, at('converted'), '--rank', 2])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('rank'),
  });
});
