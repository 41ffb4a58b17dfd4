import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { contains, exists, kindOf, readJson } from '../files/index.js';
import { errorMessage, Fields, nearest, quote } from '../validation/index.js';
import { MANIFEST_FILE } from './manifest.js';

/** The field of a package.json that names the package's generators. */
export const PACKAGE_FIELD = 'dnd-lora';

/** An installed npm package with generators. */
export interface GeneratorPackage {
  name: string;
  folder: string;
  /** Folders of the generators, by their names in the package. */
  generators: ReadonlyMap<string, string>;
  /** The name of the generator that the package's own name stands for. */
  standard: string;
}

/** `name` or `@scope/name`, and after another slash the name of a generator. */
const REFERENCE = /^(?<name>(?:@[\w~-][\w.~-]*\/)?[\w~-][\w.~-]*)(?:\/(?<generator>.+?))?\/?$/;

/**
 * The folder that the name of a generator stands for. What exists as a path is that path. Else the name of an npm package,
 * with or without a generator's name after it, is looked for as Node looks for packages: from the working folder, then from
 * this package. Anything else is returned as it is, and is an error for what reads it.
 * @param named `./my-generator`, `@dnd-lora/smollm2-135m`, `@dnd-lora/smollm2-135m/house-styles`
 * @throws DndError FILE_NOT_FOUND for a package of a scope that is not installed, with the command that installs it, and for
 * one without the files of its generator; INVALID_ARGUMENT for a package without generators, or an unknown generator, with
 * the nearest; CORRUPT_FILE for a malformed package.json; READ_FAILED
 */
export async function generatorFolder(named: string): Promise<string> {
  const { name, generator } = REFERENCE.exec(named)?.groups ?? {};
  if (name === undefined || (await kindOf(named)) !== undefined) return named;
  const folder = await findPackage(name);
  if (folder !== undefined) return folderInPackage(await readPackage(name, folder), generator);
  // A name without a scope is more likely a mistyped path, and whatever has that name on npm is none of our business.
  if (!name.startsWith('@')) return named;
  throw notInstalled(name);
}

/**
 * An installed package and its generators, whose folders may be missing.
 * @param name of the package
 * @throws DndError as `generatorFolder`
 */
export async function findGeneratorPackage(name: string): Promise<GeneratorPackage> {
  const folder = await findPackage(name);
  if (folder === undefined) throw notInstalled(name);
  return readPackage(name, folder);
}

/**
 * @param generator its name in the package; default: the package's standard one
 * @throws DndError INVALID_ARGUMENT for an unknown one, with the nearest; FILE_NOT_FOUND if its folder is not there
 */
export async function folderInPackage(
  { name, folder: place, generators, standard }: GeneratorPackage,
  generator = standard,
): Promise<string> {
  const folder = generators.get(generator);
  const names = [...generators.keys()];
  if (folder === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${name} has no generator ${quote(generator)}; did you mean ${name}/${nearest(generator, names)}? It has ${names.join(', ')}`,
    );
  if (await exists(join(folder, MANIFEST_FILE))) return folder;
  throw new DndError(
    'FILE_NOT_FOUND',
    errorMessage({
      what: `${name}, in ${place}`,
      problem: `its generator ${generator} is missing`,
      expected: join(folder, MANIFEST_FILE),
      advice: `install a version of the package that has it: npm install ${name}@latest`,
    }),
  );
}

/** The package's folder; undefined if it is not installed. Unlike `require.resolve`, `exports` cannot hide it. */
async function findPackage(name: string): Promise<string | undefined> {
  for (const from of [join(process.cwd(), 'from-here.js'), __filename])
    for (const modules of createRequire(from).resolve.paths(name) ?? []) {
      const folder = join(modules, name);
      if (await exists(join(folder, 'package.json'))) return folder;
    }
  return undefined;
}

async function readPackage(name: string, folder: string): Promise<GeneratorPackage> {
  const path = join(folder, 'package.json');
  const description = new Fields(await readJson(path), path);
  const fields = description.raw(PACKAGE_FIELD) === undefined ? undefined : description.section(PACKAGE_FIELD);
  const named = Object.entries(fields?.section('generators').all ?? {});
  if (fields === undefined || named.length === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      errorMessage({
        what: quote(name),
        problem: `is no path, and the npm package of that name in ${folder} has no generator`,
        expected: `a field "${PACKAGE_FIELD}" with "generators" in its package.json`,
        advice: 'give the folder of a generator, or the name of a package that contains one',
      }),
    );
  const generators = new Map(
    named.map(([generator, place]) => {
      const inside = typeof place === 'string' && place !== '' && contains(folder, join(folder, place));
      if (!inside) throw fields.invalid('generators', 'folders inside the package, by the names of the generators');
      return [generator, join(folder, place)] as const;
    }),
  );
  const isOnly = generators.size === 1 && fields.raw('default') === undefined;
  const standard = isOnly ? named[0]![0] : fields.text('default');
  if (!generators.has(standard)) throw fields.invalid('default', 'the name of one of its generators');
  return { name, folder, generators, standard };
}

function notInstalled(name: string): DndError {
  return new DndError(
    'FILE_NOT_FOUND',
    `${name} is neither a path nor an npm package that is installed for ${process.cwd()}. Install it: npm install ${name}`,
  );
}
