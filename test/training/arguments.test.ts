import { join } from 'node:path';
import { openPairs, planRun, readConfig, readRunDescription, Trainer } from '../../src/training/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();
const DECODER = {
  features: [
    [4, 8, 16],
    [34, 4, 66],
  ],
  kernelSize: 3,
} as const;
const SETTINGS = { pairs: '/no/such/pairs', encoder: 'hash', ...DECODER };

test.each([
  ['null', null],
  ['a number', 7],
  ['a BigInt', 1n],
  ['a symbol', Symbol('s')],
  ['an object', {}],
  ['a list of BigInts', [[1n]]],
  ['an object without a prototype', Object.create(null)],
  ['NUL', '\0'],
  ['an empty text', ''],
])('%s is no folder and no options, and is refused as an argument', async (_, value) => {
  const wrong = value as never;
  const out = join(temporary(), 'run');
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
  await expect(readConfig(wrong)).rejects.toEqual(refused);
  await expect(readRunDescription(wrong)).rejects.toEqual(refused);
  await expect(openPairs(wrong)).rejects.toEqual(refused);
  await expect(Trainer.resume(wrong)).rejects.toEqual(refused);
  await expect(Trainer.create({ ...SETTINGS, out: wrong })).rejects.toEqual(refused);
  for (const name of ['pairs', 'encoder', 'base', 'features', 'batch', 'steps', 'signal', 'onNotice']) {
    if ((name === 'batch' || name === 'steps') && typeof value === 'number') continue;
    const options = { ...SETTINGS, [name]: value };
    // Left out is what is undefined; callbacks and signals also where they are null.
    if (value === null && (name === 'signal' || name === 'onNotice')) continue;
    await expect(planRun(options)).rejects.toEqual(refused);
    await expect(Trainer.create({ ...options, out })).rejects.toEqual(refused);
  }
});

test.each([[null], [7], ['text']])('options of %j are refused', async (value) => {
  const wrong = value as never;
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
  await expect(planRun(wrong)).rejects.toEqual(refused);
  await expect(Trainer.create(wrong)).rejects.toEqual(refused);
  await expect(Trainer.resume(temporary(), wrong)).rejects.toEqual(refused);
  await expect(openPairs(temporary(), wrong)).rejects.toEqual(refused);
});

test('a batch larger than any is refused before arrays of its length are made', async () => {
  for (const batch of [2 ** 16 + 1, 1e9])
    await expect(planRun({ ...SETTINGS, batch })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('batch: is not valid; expected a whole number from 1 to 65536'),
    });
  await expect(planRun({ ...SETTINGS, batch: 2 ** 16 })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});
