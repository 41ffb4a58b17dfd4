import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LoraConfig, readPeft, writePeft } from '../../src/adapter/index.js';
import type { AdapterComparison } from '../../src/comparison/comparison.js';
import type { CompositionReport } from '../../src/composition/composed-adapter.js';
import type { MergeReport } from '../../src/merging/merge.js';
import { adapterOf, SHAPES, V } from '../comparison/adapters.js';
import { writeBase } from '../merging/base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd, dndJson } from './run-cli.js';

const folder = useTemporaryFolder();
const at = (...names: string[]) => join(folder(), ...names);

async function write(name: string, seed: number, config: Partial<LoraConfig> = {}, shapes = SHAPES): Promise<string> {
  await writePeft(at(name), adapterOf({ seed, config, shapes }), { dtype: 'F32' });
  return at(name);
}

test('merge writes a model and prints what was merged and copied', async () => {
  await writeBase(at('base'));
  const adapter = await write('one', 1);
  const { code, stdout } = await dnd(['merge', adapter, '--base', at('base'), '--out', at('merged')]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/merged into 4 of 5 tensors/);
  expect(stdout).toMatch(/^copied +config.json, tokenizer.json$/m);
  expect((await readdir(at('merged'))).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
  const again = await dndJson<MergeReport>(['merge', adapter, '--base', at('base'), '--out', at('merged'), '--force']);
  expect(again.result).toMatchObject({ adapter, merged: 4, tensors: 5, skipped: [] });
  const same = await dnd(['merge', adapter, '--base', at('base'), '--out', at('base'), '--force']);
  expect(same).toMatchObject({ code: 2, stderr: expect.stringContaining('is the input itself') });
});

test('a GGUF file is named, where the folder of an adapter or a base is expected', async () => {
  const gguf = join(__dirname, '../fixtures/gguf/tiny_llama.gguf');
  const one = await write('one', 1);
  await writeBase(at('base'));
  for (const command of [
    ['compare', one, gguf],
    ['compose', one, gguf, '--weights', '1,1', '--out', at('out')],
    ['merge', gguf, '--base', at('base'), '--out', at('out')],
    ['merge', one, '--base', gguf, '--out', at('out')],
  ])
    expect(await dnd(command)).toMatchObject({ code: 1, stderr: expect.stringContaining('is a GGUF file') });
});

test('settings of an adapter that are unknown and ignored are noted', async () => {
  const one = await write('one', 1);
  await writeBase(at('base'));
  const config = JSON.parse(await readFile(join(one, 'adapter_config.json'), 'utf8'));
  await writeFile(join(one, 'adapter_config.json'), JSON.stringify({ ...config, use_tomorrow: true }));
  for (const command of [
    ['compare', one, one],
    ['compose', one, '--weights', '1', '--out', at('sum')],
    ['merge', one, '--base', at('base'), '--out', at('merged')],
  ]) {
    const { result } = await dndJson<{ notes: string[] }>(command);
    expect(result.notes).toContainEqual(expect.stringContaining('"use_tomorrow" (true) is unknown'));
  }
  const again = await dnd(['merge', one, '--base', at('base'), '--out', at('merged'), '--force']);
  expect(again.stdout).toMatch(/^note +.*use_tomorrow/m);
});

test('compare prints tables of at most 100 columns, and a page', async () => {
  const folders = [
    await write('one', 1),
    await write('two'.padEnd(90, 'o'), 2, { rank: 7, useRslora: true }),
    await write('three', 3),
  ];
  for (const given of [folders.slice(0, 2), folders]) {
    const { code, stdout } = await dnd(['compare', ...given]);
    expect(code).toBe(0);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    expect(stdout).toContain('7  6, rsLoRA');
    expect(stdout).toMatch(/^10\.mlp\.down_proj +/m);
  }
  const { stdout } = await dnd(['compare', folders[0]!, folders[2]!, '--summary', '--html', at('page.html')]);
  expect(stdout).not.toContain('q_proj');
  expect(await readFile(at('page.html'), 'utf8')).toContain('<h1>Comparison of 2 adapters</h1>');
  const { result } = await dndJson<AdapterComparison>(['compare', folders[0]!, folders[0]!]);
  expect(result.pairs[0]).toMatchObject({ distance: 0, relativeDistance: 0, cosine: expect.closeTo(1, 12) });
  expect(result.modules).toHaveLength(4);
});

test('compare refuses a single adapter, other bases, and a page that cannot be written, before it reads', async () => {
  const one = await write('one', 1);
  const other = await write('other', 2, {}, { ...SHAPES, [V]: [6, 9] });
  expect((await dnd(['compare', one])).code).toBe(2);
  expect(await dnd(['compare', one, other])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('different bases'),
  });
  expect((await dnd(['compare', one, at('missing'), '--html', folder()])).stderr).toContain(
    'it exists and is a folder',
  );
});

test('compose writes an adapter, and prints what was discarded and the warning', async () => {
  const folders = [await write('one', 1), await write('two', 2, { rank: 4 })];
  const command = ['compose', ...folders, '--weights', '0.5,-0.5', '--out', at('sum')];
  const { code, stdout } = await dnd(command);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^discarded +\d+(\.\d+)? % of the sum/m);
  expect(stdout).toMatch(/^Warning: a weighted sum of adapters is not the union of their skills/m);
  expect((await readPeft(at('sum'))).config).toMatchObject({ rank: 4, alpha: 4 });
  const { result } = await dndJson<CompositionReport>([...command, '--rank', '7', '--dtype', 'bf16', '--force']);
  expect(result).toMatchObject({
    rank: 7,
    discardedShare: 0,
    dtype: 'bf16',
    warning: expect.stringContaining('union'),
  });
  expect(result.adapters).toEqual([
    { name: folders[0], weight: 0.5 },
    { name: folders[1], weight: -0.5 },
  ]);
});

test('compose refuses wrong numbers of weights, weights that are none, and its inputs as output', async () => {
  const folders = [await write('one', 1), await write('two', 2)];
  for (const [weights, out, message] of [
    ['1', at('sum'), 'as many as adapters, 2'],
    ['1,x', at('sum'), 'comma-separated numbers'],
    ['0,0', at('sum'), 'all 0'],
    ['1,1', folders[1]!, 'is the input itself'],
  ] as const)
    expect(await dnd(['compose', ...folders, '--weights', weights, '--out', out, '--force'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(message),
    });
  expect((await readdir(folder())).sort()).toEqual(['one', 'two']);
});
