import { copyFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DecoderEngine } from '../../src/engine/index.js';
import { DndError } from '../../src/errors.js';
import { loadDecoderWeights } from '../../src/generator/decoder-weights.js';
import { Generator } from '../../src/generator/generator.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { createTiny, PROMPTS, SLOW_SETTINGS, TINY_SETTINGS } from './tiny.js';

const temporary = useTemporaryFolder();
const FILE = 'decoder.safetensors';

type Dtype = 'f32' | 'bf16' | 'f16';

async function saved(settings: Parameters<typeof createTiny>[0] = {}, dtype: Dtype = 'f32'): Promise<string> {
  const folder = join(temporary(), `generator-${dtype}`);
  using generator = await createTiny(settings);
  await generator.save(folder, { dtype });
  return folder;
}

async function generated(generator: Generator): Promise<Float32Array[]> {
  const { tensors } = await generator.generate(PROMPTS);
  return Array.from(tensors.values(), ({ data }) => data);
}

describe.each(['bf16', 'f16'] as const)('a decoder in %s', (dtype) => {
  test('has the weights of its convolutions in no memory of its own, and all others in float32', async () => {
    const folder = await saved({}, dtype);
    using engine = await DecoderEngine.create({ features: TINY_SETTINGS.features, kernelSize: 3, mapped: true });
    await loadDecoderWeights(folder, engine, {});
    const elements = engine.parameters.map(({ name, shape }) => ({
      name,
      count: shape.reduce((product, size) => product * size, 1),
    }));
    const others = elements.filter(({ name }) => !/(conv..|linear2)\.weight$/.test(name));
    expect(engine.parameterBytes).toBe(4 * others.reduce((sum, { count }) => sum + count, 0));
  });

  test('gives the adapters, and reads and saves the values, of the same weights in float32', async () => {
    const folder = await saved({}, dtype);
    using half = await Generator.load(folder);
    const wide = join(temporary(), 'wide');
    await half.save(wide, { dtype: 'f32' });
    using whole = await Generator.load(wide);
    expect(await generated(half)).toEqual(await generated(whole));
    const again = join(temporary(), 'again');
    await whole.save(again, { dtype });
    expect(await readFile(join(again, FILE))).toEqual(await readFile(join(folder, FILE)));
  });

  test('is refused for a value that is not finite, by its name and place', async () => {
    const folder = await saved({}, dtype);
    const path = join(folder, FILE);
    const bytes = await readFile(path);
    const header = JSON.parse(bytes.subarray(8, 8 + bytes.readUInt32LE()).toString());
    const name = 'decoder.module_list.1.linear2.weight';
    const [begin] = header[name].data_offsets;
    bytes.writeUInt16LE(dtype === 'bf16' ? 0x7f80 : 0xfc00, 8 + bytes.readUInt32LE() + begin + 2 * 30);
    await writeFile(path, bytes);
    await expect(Generator.load(folder)).rejects.toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringMatching(
        new RegExp(`${name} holds -?Infinity at \\[.*\\] \\(element 30, stored as ${dtype.toUpperCase()}\\)`),
      ),
    });
  });
});

describe('a decoder in float32', () => {
  test('has no memory of its own once it is loaded from a file', async () => {
    const folder = await saved();
    using engine = await DecoderEngine.create({ features: TINY_SETTINGS.features, kernelSize: 3, mapped: true });
    const own = engine.parameterBytes;
    expect(own).toBeGreaterThan(0);
    let after: number | undefined;
    await loadDecoderWeights(folder, engine, {
      beforeFilling: () => {
        after = engine.parameterBytes;
      },
    });
    expect(after).toBe(0);
    expect(engine.parameterBytes).toBe(0);
    const [{ name } = { name: '' }] = engine.parameters;
    expect(() => engine.writeParameter(name, 0, new Uint8Array(4), 'F32')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(/mapped file/) }),
    );
  });

  test('gives the bytes that it gave before it was saved', async () => {
    using original = await createTiny();
    const folder = join(temporary(), 'generator');
    await original.save(folder);
    using loaded = await Generator.load(folder);
    expect(await generated(loaded)).toEqual(await generated(original));
  });

  test('can be saved over the file that it is mapped from', async () => {
    const folder = await saved();
    const before = await readFile(join(folder, FILE));
    using loaded = await Generator.load(folder);
    await loaded.save(folder, { force: true });
    expect(await readFile(join(folder, FILE))).toEqual(before);
    await generated(loaded);
  });
});

describe('a file that changes while it is in use', () => {
  test.each([
    ['deleted', (path: string) => rmSync(path)],
    [
      'replaced by another',
      (path: string) => {
        writeFileSync(`${path}.other`, 'something else');
        renameSync(`${path}.other`, path);
      },
    ],
  ])('%s: its contents stay', async (_, change) => {
    const folder = await saved();
    using loaded = await Generator.load(folder);
    const before = await generated(loaded);
    change(join(folder, FILE));
    expect(await generated(loaded)).toEqual(before);
  });

  test.each([
    ['cut', (path: string) => truncateSync(path, 1000), /became shorter/],
    ['emptied', (path: string) => truncateSync(path), /became shorter/],
    ['written to', (path: string) => writeFileSync(path, 'x', { flag: 'r+' }), /was written to/],
    ['copied over', (path: string) => copyFileSync(path.replace(FILE, 'generator.json'), path), /became shorter/],
    ['touched', (path: string) => utimesSync(path, 1, 1), /was written to/],
  ])('%s: an error that names it, and a new load works again', async (_, change, message) => {
    const folder = await saved();
    const path = join(folder, FILE);
    const sound = await readFile(path);
    await setTimeout(20); // a change in the same tick of the file system's clock has the same time
    using loaded = await Generator.load(folder);
    const before = await generated(loaded);
    change(path);
    for (let i = 0; i < 2; i++) {
      await expect(loaded.generate(PROMPTS)).rejects.toThrow(
        expect.objectContaining({ code: 'CORRUPT_FILE', message: expect.stringMatching(message) }),
      );
    }
    writeFileSync(path, sound);
    using again = await Generator.load(folder);
    expect(await generated(again)).toEqual(before);
  });

  test('a hundred times cut at another moment of the work: the adapter, or an error', async () => {
    const folder = await saved(SLOW_SETTINGS);
    const path = join(folder, FILE);
    const sound = await readFile(path);
    using first = await Generator.load(folder);
    const expected = await generated(first);
    let refused = 0;
    for (let round = 0; round < 100; round++) {
      rmSync(path);
      writeFileSync(path, sound);
      using loaded = await Generator.load(folder);
      const work = generated(loaded).catch((error: unknown) => error);
      await setTimeout(round % 20);
      truncateSync(path, Math.floor((sound.length * round) / 100));
      const result = await work;
      if (result instanceof DndError) {
        expect(result.code).toBe('CORRUPT_FILE');
        refused++;
      } else {
        expect(result).toEqual(expected);
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
