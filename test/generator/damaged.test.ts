import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DndError } from '../../src/errors.js';
import { Generator } from '../../src/generator/generator.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { mutate } from '../formats/mutations.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { createTiny, PROMPTS } from './tiny.js';

const temporary = useTemporaryFolder();
const ROUNDS = 400;

test('however decoder.safetensors is damaged: an error of ours, or an adapter of finite numbers', async () => {
  const folder = join(temporary(), 'generator');
  const generator = await createTiny();
  await generator.save(folder);
  generator.dispose();
  const path = join(folder, 'decoder.safetensors');
  const sound = await readFile(path);
  const random = SplitMix64.seeded(11);
  const codes = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    await writeFile(path, mutate(sound, random));
    try {
      const damaged = await Generator.load(folder);
      const { tensors } = await damaged.generate(PROMPTS).finally(() => damaged.dispose());
      for (const { data } of tensors.values()) expect(data.every(Number.isFinite)).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(DndError);
      codes.add((error as DndError).code);
    }
  }
  expect([...codes].sort()).toEqual(expect.arrayContaining(['CORRUPT_FILE', 'INVALID_WEIGHTS', 'SHAPE_MISMATCH']));
});
