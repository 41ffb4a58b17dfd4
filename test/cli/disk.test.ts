import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mountSmallDisk } from '../small-disk.js';
import { dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

const { at, generateArguments, init, initArguments, promptFile } = useWorkshop();

describe('on a disk that is full or read-only', () => {
  const small = mountSmallDisk('size=64k');
  const readOnly = mountSmallDisk('size=64k,ro');
  afterAll(() => {
    small.unmount();
    readOnly.unmount();
  });

  test('init fails by name and leaves the disk as it was', async () => {
    const outcome = await dndJson(initArguments('--out', join(small.folder, 'generator')));
    expect(outcome).toMatchObject({ code: 1, result: { error: { code: 'DISK_FULL' } } });
    expect(await readdir(small.folder)).toEqual([]);
  });

  test('generate fails by name and leaves the disk as it was, with several adapters, too', async () => {
    await init();
    const files = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => promptFile(`${name}.txt`, name)));
    const out = join(small.folder, 'adapters');
    const outcome = await dndJson([...generateArguments(files), '--out', out, '--dtype', 'f32']);
    expect(outcome).toMatchObject({ code: 1, result: { error: { code: 'DISK_FULL' } } });
    expect(await readdir(small.folder)).toEqual([]);
  });

  test('generate fails before any work', async () => {
    const file = await promptFile('p.txt', 'one');
    const argv = ['generate', '--generator', at('none'), '--prompts', file, '--out', join(readOnly.folder, 'adapter')];
    expect(await dndJson(argv)).toMatchObject({ code: 1, result: { error: { code: 'NOT_WRITABLE' } } });
  });
});
