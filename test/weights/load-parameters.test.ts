import { join } from 'node:path';
import type { ParameterPlace } from '../../src/engine/index.js';
import { SafetensorsFile, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { loadParameters, type ParameterSource, type ParameterTarget } from '../../src/weights/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();

const VALUES = Float32Array.from({ length: 12 }, (_, index) => index + 0.5);
const HALVES = Uint16Array.of(0x3f80, 0xc000, 0x3e80);
const bytesOf = (array: Float32Array | Uint16Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Two tensors: one of float32, which is two parameters, and one of bfloat16. */
const SOURCES: ParameterSource[] = [
  { tensor: 'both', dtype: 'F32', parameters: ['first', 'second'], elements: 6 },
  { tensor: 'short', dtype: 'BF16', parameters: ['third'], elements: 3 },
];

async function openFile(): Promise<SafetensorsFile> {
  const path = join(temporary(), 'weights.safetensors');
  await writeSafetensors(path, [
    { name: 'both', dtype: 'F32', shape: [12], bytes: () => [bytesOf(VALUES)] },
    { name: 'short', dtype: 'BF16', shape: [3], bytes: () => [bytesOf(HALVES)] },
  ]);
  return SafetensorsFile.open(path);
}

/** Remembers what it was given. `maps`: names of parameters that it maps where it is offered them. */
class Target implements ParameterTarget {
  readonly calls: string[] = [];
  offered: readonly ParameterPlace[] = [];

  constructor(readonly maps: readonly string[]) {}

  mapParameters(places: readonly ParameterPlace[]): ReadonlySet<string> {
    this.calls.push('map');
    this.offered = places;
    return new Set(this.maps);
  }

  writeParameter(name: string, elementOffset: number, bytes: Uint8Array, dtype: string): void {
    this.calls.push(`write ${name} ${elementOffset} ${bytes.byteLength} ${dtype}`);
  }

  async checkMapped(): Promise<void> {
    this.calls.push('check');
  }
}

test('what the engine may map is offered with its place in the file, part by part; the rest is written', async () => {
  await using file = await openFile();
  const target = new Target(['first', 'second']);
  await loadParameters(target, file, SOURCES);
  const { byteOffset } = file.tensors.get('both')!;
  expect(
    target.offered.map(({ name, byteOffset: offset, byteLength, dtype }) => [
      ...[name, offset - byteOffset, byteLength, dtype],
    ]),
  ).toEqual([
    ['first', 0, 24, 'F32'],
    ['second', 24, 24, 'F32'],
    ['third', 48, 6, 'BF16'],
  ]);
  expect(target.calls).toEqual(['map', 'write third 0 6 BF16', 'check']);
});

test('of a tensor of which a part is mapped, the other is written', async () => {
  await using file = await openFile();
  const target = new Target(['second']);
  await loadParameters(target, file, SOURCES);
  expect(target.calls).toEqual(['map', 'write first 0 24 F32', 'write third 0 6 BF16', 'check']);
});

test('where nothing is mapped, everything is written and nothing checked', async () => {
  await using file = await openFile();
  const target = new Target([]);
  await loadParameters(target, file, SOURCES);
  expect(target.calls).toEqual(['map', 'write first 0 24 F32', 'write second 0 24 F32', 'write third 0 6 BF16']);
});

test('beforeFilling is called when it is known what is mapped, and may refuse the rest', async () => {
  await using file = await openFile();
  const target = new Target(['first', 'second']);
  const beforeFilling = () => {
    target.calls.push('before');
    throw new Error('too much');
  };
  await expect(loadParameters(target, file, SOURCES, { beforeFilling })).rejects.toThrow('too much');
  expect(target.calls).toEqual(['map', 'before']);
});

test('without beforeFilling, the memory is asked of a target that maps, and of no other', async () => {
  await using file = await openFile();
  const asked: string[] = [];
  const asks = (name: string) => ({ requireParameterMemory: () => void asked.push(name) });
  await loadParameters(Object.assign(new Target([]), asks('maps')), file, SOURCES);
  await loadParameters({ writeParameter: () => {}, ...asks('copies') }, file, SOURCES);
  await loadParameters(Object.assign(new Target([]), asks('told')), file, SOURCES, { beforeFilling: () => {} });
  expect(asked).toEqual(['maps']);
});

test('progress grows to 1, once', async () => {
  await using file = await openFile();
  const fractions: number[] = [];
  await loadParameters(new Target(['first']), file, SOURCES, { onProgress: (fraction) => fractions.push(fraction) });
  expect(fractions).toEqual([12 / 15, 1]);
});
