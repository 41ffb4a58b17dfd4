import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { addonPath } from '../../../src/engine/index.js';
import { TINY_SETTINGS } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const SOURCES = join(__dirname, '..', '..', '..', 'src', 'index.ts');
const folder = useTemporaryFolder();

interface Outcome {
  code?: string;
  message?: string;
  /** createdBy of the generator's manifest. */
  createdBy?: string;
}

/** Bundles a program that uses the package, into a project of its own, and runs it. */
function runBundle(format: 'cjs' | 'esm', environment: Record<string, string> = {}): Outcome {
  mkdirSync(join(folder(), 'dist'));
  writeFileSync(join(folder(), 'package.json'), '{ "name": "somebody-else", "version": "7.0.0" }');
  writeFileSync(
    join(folder(), 'program.ts'),
    `import { Generator } from ${JSON.stringify(SOURCES)};
     Generator.create(${JSON.stringify(TINY_SETTINGS)}).then(
       ({ manifest }) => console.log(JSON.stringify({ createdBy: manifest.createdBy })),
       ({ code, message }) => console.log(JSON.stringify({ code, message })),
     );`,
  );
  const outfile = join(folder(), 'dist', format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs');
  buildSync({
    ...{ entryPoints: [join(folder(), 'program.ts')], outfile, format },
    ...{ bundle: true, minify: true, platform: 'node', target: 'node20', logLevel: 'error' },
    // What CommonJS needs in a bundle of ES modules: __dirname is still not there.
    ...(format === 'esm' && {
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    }),
  });
  const { DND_ADDON: _, ...inherited } = process.env;
  return JSON.parse(
    execFileSync(process.execPath, [outfile], { env: { ...inherited, ...environment }, encoding: 'utf8' }),
  );
}

describe.each(['cjs', 'esm'] as const)('inside a bundle of esbuild, %s,', (format) => {
  test('the package can be imported, and what needs the addon says how to leave it out', () => {
    const { code, message } = runBundle(format);
    expect(code).toBe('ADDON_UNAVAILABLE');
    expect(message).toContain('Tried:\n  dnd-lora is part of a bundle, which contains its code but not its addon\n');
    expect(message).toContain("esbuild    --external:dnd-lora, or external: ['dnd-lora']\n");
    expect(message).toContain("webpack    externalsType: 'commonjs', externals: [/^dnd-lora(\\/|$)/]\n");
    expect(message).toContain("Next.js    serverExternalPackages: ['dnd-lora'] in next.config\n");
    expect(message).toContain('DND_ADDON=/app/dnd-lora.node');
    expect(message).not.toContain('prebuilt binary');
  });

  test('DND_ADDON names the addon', () => {
    const environment = { DND_ADDON: addonPath(), DND_CACHE: folder() };
    expect(runBundle(format, environment)).toEqual({ createdBy: 'dnd-lora bundled' });
  });
});
