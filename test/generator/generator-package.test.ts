import { cp, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { Generator } from '../../src/generator/generator.js';
import { generatorFolder } from '../../src/generator/generator-package.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { digestOf } from './bytes.js';
import { installPackage, PACKAGE_NAME, POCKET, useWorkingFolder } from './fake-package.js';
import { createTiny, PROMPTS } from './tiny.js';

const workIn = useWorkingFolder();
const temporary = useTemporaryFolder();
const generator = join(POCKET, 'generator');

beforeEach(() => workIn(temporary()));

async function digestFrom(path: string): Promise<string> {
  await using loaded = await Generator.load(path, { device: 'cpu' });
  return digestOf(await loaded.generate(PROMPTS));
}

function failure(code: string, ...sentences: string[]) {
  const message = sentences.map((sentence) => sentence.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
  return expect.objectContaining({ code, message: expect.stringMatching(new RegExp(message, 's')) });
}

test('the name of an installed package is its standard generator, and a name after it one of the others', async () => {
  const tiny = join(temporary(), 'tiny');
  await using other = await createTiny({ seed: 3 });
  await other.save(tiny);
  await installPackage(temporary(), { generators: { 'house-styles': generator, instructions: tiny } });
  const [styles, instructions] = [await digestFrom(generator), await digestFrom(tiny)];
  expect(instructions).not.toBe(styles);
  expect(await digestFrom(PACKAGE_NAME)).toBe(styles);
  expect(await digestFrom(`${PACKAGE_NAME}/house-styles`)).toBe(styles);
  expect(await digestFrom(`${PACKAGE_NAME}/instructions/`)).toBe(instructions);
});

test('packages are found in parent folders too, and may have no scope', async () => {
  await installPackage(temporary(), { name: 'my-generators' });
  const inner = join(temporary(), 'some', 'where');
  await mkdir(inner, { recursive: true });
  workIn(inner);
  const found = await realpath(await generatorFolder('my-generators/house-styles'));
  expect(found).toBe(await realpath(generator));
});

test('a path that exists always wins', async () => {
  await installPackage(temporary());
  await using tiny = await createTiny({ seed: 3 });
  await tiny.save(join(temporary(), PACKAGE_NAME));
  expect(await generatorFolder(PACKAGE_NAME)).toBe(PACKAGE_NAME);
  expect(await digestFrom(PACKAGE_NAME)).toBe(digestOf(await tiny.generate(PROMPTS)));
});

test('packages beside this one are found from anywhere', async () => {
  // Of the dependencies of this package, which are not those of the working folder.
  await expect(generatorFolder('@huggingface/jinja')).rejects.toEqual(
    failure('INVALID_ARGUMENT', 'the npm package of that name in', 'has no generator', '"dnd-lora"'),
  );
});

test('what is no package name is a path, and so is a name without a scope that is not installed', async () => {
  for (const path of ['./a', '../a/b', '/nowhere/a', 'runs/latest', 'generator', 'hf:owner/name', '@scope', 'a b'])
    expect(await generatorFolder(path)).toBe(path);
  await expect(Generator.load('generator')).rejects.toEqual(
    failure('FILE_NOT_FOUND', 'generator.json', 'does not exist'),
  );
});

test('a package that is not installed is refused with the command that installs it', async () => {
  await expect(Generator.load('@nobody/nothing/at-all')).rejects.toEqual(
    failure('FILE_NOT_FOUND', '@nobody/nothing is neither a path nor', 'npm install @nobody/nothing'),
  );
});

test.each([
  ['no field', null],
  ['no generators', { generators: {} }],
])('a package with %s has no generator', async (_, field) => {
  await installPackage(temporary(), { field });
  await expect(Generator.load(PACKAGE_NAME)).rejects.toEqual(
    failure('INVALID_ARGUMENT', `"${PACKAGE_NAME}"`, 'has no generator', 'expected a field "dnd-lora"'),
  );
});

test('an unknown name in a package is refused with the nearest', async () => {
  await installPackage(temporary(), { generators: { 'house-styles': generator, instructions: generator } });
  await expect(Generator.load(`${PACKAGE_NAME}/house-style`)).rejects.toEqual(
    failure(
      'INVALID_ARGUMENT',
      'no generator "house-style"',
      `did you mean ${PACKAGE_NAME}/house-styles?`,
      'instructions',
    ),
  );
});

test('a generator that the package names and has not got is said to be missing', async () => {
  const place = await installPackage(temporary(), {
    field: { generators: { 'house-styles': 'house-styles' } },
    generators: {},
  });
  await expect(Generator.load(PACKAGE_NAME)).rejects.toEqual(
    failure('FILE_NOT_FOUND', join('house-styles', 'generator.json'), `npm install ${PACKAGE_NAME}@latest`),
  );
  await cp(generator, join(place, 'house-styles'), { recursive: true });
  expect(await digestFrom(PACKAGE_NAME)).toBe(await digestFrom(generator));
});

test.each<[string, object, ...string[]]>([
  ['outside the package', { generators: { a: '../../secret' } }, 'generators', 'inside the package'],
  ['at a path that leads out', { generators: { a: 'x/../../..' } }, 'generators', 'inside the package'],
  ['that is not a text', { generators: { a: 1 } }, 'generators', 'inside the package'],
  ['without a standard one of two', { generators: { a: 'a', b: 'b' } }, 'default', 'is missing'],
  ['with an unknown standard one', { generators: { a: 'a' }, default: 'c' }, 'default', 'one of its generators'],
])('a generator %s makes the package.json malformed', async (_, field, ...sentences) => {
  await installPackage(temporary(), { field });
  await expect(Generator.load(PACKAGE_NAME)).rejects.toEqual(
    failure('CORRUPT_FILE', 'package.json: dnd-lora.', ...sentences),
  );
});
