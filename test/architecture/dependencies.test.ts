import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { violations } from './check-dependencies.js';
import { isProductCode } from './imports.js';
import { readModuleTable } from './module-table.js';

const ROOT = join(__dirname, '../..');

function productCode(): Map<string, string> {
  const paths = ['src', 'bindings', 'native', 'cuda'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  );
  return new Map(paths.filter(isProductCode).map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
}

test('product code depends on nothing but what docs/architecture.md allows', () => {
  const modules = readModuleTable(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8'));
  expect(violations(productCode(), modules)).toEqual([]);
});

/** What is found in a small repository whose table has these rows. */
function found(files: Record<string, string>, ...rows: string[]): string[] {
  const table = ['## Modules', '| module | question | allowed dependencies |', '|---|---|---|', ...rows].join('\n');
  return violations(new Map(Object.entries(files)), readModuleTable(`# Architecture\n${table}\n\n## Rules\n`));
}

const SRC = '| `src/` | what? | none |';
const A = '| `src/a/` | what? | `src/` |';
const B = '| `src/b/` | what? | `src/`, `src/a/` |';

test('imports that the table allows are fine, and so are those within a module and of packages', () => {
  const files = {
    'src/errors.ts': "import { readFile } from 'node:fs';",
    'src/a/one.ts': "import { E } from '../errors.js';\nimport './two.js';\nimport load = require('node-gyp-build');",
    'src/a/two.ts': "// import '../b/one.js'\nconst text = `import '../b/one.js'`;",
    'src/b/one.ts': "export * from '../a/one.js';",
  };
  expect(found(files, SRC, A, B)).toEqual([]);
});

test.each([
  ['import', "import { B } from '../b/b.js';"],
  ['import of a type', "import type { B } from '../b/b.js';"],
  ['import in a type', "type B = import('../b/b.js').B;"],
  ['import for its effects', "import '../b/b.js';"],
  ['dynamic import', "const b = await import('../b/b.js');"],
  ['re-export', "export { B } from '../b/b.js';"],
  ['require', "import b = require('../b/b.js');"],
  ['file of a worker', "new Worker(new URL('../b/b.js', url));"],
])('what the table does not allow is found in every form of import: %s', (_, text) => {
  const files = { 'src/errors.ts': '', 'src/a/a.ts': text, 'src/b/b.ts': '' };
  expect(found(files, SRC, A, B)).toEqual(['src/a/a.ts → src/b/b.ts: src/a/ must not depend on src/b/']);
});

test('a folder may not use its subfolder, nor the other way round, without being allowed to', () => {
  const files = {
    'src/a/a.ts': "import './deep/d.js';",
    'src/a/deep/d.ts': "import '../../errors.js';",
    'src/errors.ts': '',
  };
  expect(found(files, SRC, A, '| `src/a/deep/` | what? | none |')).toEqual([
    'src/a/a.ts → src/a/deep/d.ts: src/a/ must not depend on src/a/deep/',
    'src/a/deep/d.ts → src/errors.ts: src/a/deep/ must not depend on src/',
  ]);
});

test('a file can have a row of its own', () => {
  const index = '| `src/index.ts`, `src/esm.mts` | what? | `src/a/` |';
  const files = {
    'src/index.ts': "export * from './a/a.js';\nimport './errors.js';",
    'src/esm.mts': "export * from './index.js';",
    'src/errors.ts': "import './index.js';",
    'src/a/a.ts': '',
  };
  expect(found(files, index, SRC, A)).toEqual([
    'src/index.ts → src/errors.ts: src/index.ts must not depend on src/',
    'src/errors.ts → src/index.ts: src/ must not depend on src/index.ts',
    'src/index.ts → src/errors.ts → src/index.ts: files import each other in a cycle',
  ]);
});

test.each([
  ['beside its own folder', 'native/x/x.cc', '"../y/y.h"', 'native/y/y.h'],
  ['in the include paths', 'native/x/x.cc', '"y/y.h"', 'native/y/y.h'],
  ['in angle brackets', 'native/x/x.cc', '<y/y.h>', 'native/y/y.h'],
  ['of the swapped headers', 'cuda/x/x.cu', '"toolkit/y.h"', 'cuda/toolkit/y.h'],
])('an include of a file %s is found', (_, from, what, to) => {
  const rows = ['native/x/', 'native/y/', 'cuda/x/', 'cuda/toolkit/'].map((path) => `| \`${path}\` | what? | none |`);
  const result = found({ [from]: `#pragma once\n#  include ${what}\n#include <vector>\n`, [to]: '' }, ...rows);
  const [own, other] = [from, to].map((path) => path.slice(0, path.lastIndexOf('/') + 1));
  expect(result).toContain(`${from} → ${to}: ${own} must not depend on ${other}`);
});

test.each([
  [
    'native/a.cc',
    '#ifdef EMULATED\n#include "test/cuda/emulator/half_bits.h"\n#endif',
    'test/cuda/emulator/half_bits.h',
  ],
  ['native/a.cc', '#include <test/cuda/emulator/half_bits.h>', 'test/cuda/emulator/half_bits.h'],
  ['src/a.ts', "import { fixture } from '../test/fixture.js';", 'test/fixture.js'],
])('product code must not depend on test code: %s, %j', (path, text, missing) => {
  const row = `| \`${path.split('/')[0]}/\` | what? | none |`;
  expect(found({ [path]: text }, row)).toEqual([`${path} → ${missing}: product code must not depend on test code`]);
});

test.each([
  ['native/a.cc', '#include "no/such.h"', 'no/such.h'],
  ['native/a.cc', '#include HEADER', 'HEADER'],
  ['src/a.ts', "import './no-such.js';", 'src/no-such.js'],
  ['src/a.ts', 'await import(path);', 'import(…) of a computed path'],
])('what cannot be followed is found: %s, %s', (path, text, missing) => {
  const row = `| \`${path.split('/')[0]}/\` | what? | none |`;
  expect(found({ [path]: text }, row)).toEqual([`${path} → ${missing}: is not a file of product code`]);
});

test('files of one module that import each other in a cycle are found, types included', () => {
  const files = {
    'src/one.ts': "import './two.js';",
    'src/two.ts': "import type { Three } from './three.js';",
    'src/three.ts': "import './one.js';\nimport './four.js';",
    'src/four.ts': '',
  };
  expect(found(files, SRC)).toEqual([
    'src/one.ts → src/two.ts → src/three.ts → src/one.ts: files import each other in a cycle',
  ]);
});

test('a header that includes itself instead of one of the same name is found', () => {
  const files = { 'native/backend.h': '', 'native/cpu/backend.h': '#include "backend.h"' };
  expect(found(files, '| `native/` | what? | none |', '| `native/cpu/` | what? | `native/` |')).toEqual([
    'native/cpu/backend.h → native/cpu/backend.h: files import each other in a cycle',
  ]);
});

test('a table that allows a cycle is wrong', () => {
  const files = { 'src/a/a.ts': '', 'src/b/b.ts': '' };
  expect(found(files, '| `src/a/` | what? | `src/b/` |', '| `src/b/` | what? | `src/a/` |')).toEqual([
    'src/a/ → src/b/ → src/a/: the table allows a cycle',
  ]);
});

test('every folder of product code has one row, and every row code', () => {
  const files = { 'src/errors.ts': '', 'src/a/a.ts': '' };
  expect(found(files, SRC, SRC, '| `src/gone/` | what? | `src/`, `src/missing/` |')).toEqual([
    'src/a/: has no row',
    'src/gone/: has a row and no code',
    'src/: has two rows',
    'src/gone/ → src/missing/: is allowed and has no row',
  ]);
});

test.each(['everything below', '`src/` and `src/a/`', 'src/a/', ''])('a cell that says %j is refused', (cell) => {
  expect(() => found({ 'src/a.ts': '' }, `| \`src/\` | what? | ${cell} |`)).toThrow('is not a list of paths');
});

test('a table without that section or column is refused', () => {
  expect(() => readModuleTable('## Words\n| a |\n')).toThrow('no section "## Modules"');
  expect(() => readModuleTable('## Modules\n| module | may import |\n')).toThrow('"allowed dependencies"');
});
