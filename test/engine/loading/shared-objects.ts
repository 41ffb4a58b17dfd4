import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Makes a shared object of C++ source, by the compiler that built the addon. */
export function compile(path: string, source: string, flags: string[] = []): void {
  mkdirSync(dirname(path), { recursive: true });
  const file = `${path}.cc`;
  writeFileSync(file, source);
  const compiler: string = require('../../../scripts/build-tools.cjs').findTools().environment.CXX;
  const [program, ...own] = compiler.split(' ');
  const { status, stderr } = spawnSync(program!, [...own, '-shared', '-fPIC', file, '-o', path, ...flags]);
  if (status !== 0) throw new Error(String(stderr));
}

/** A shared object whose loading executes this. */
export function crashing(path: string, statement: string): void {
  compile(path, `#include <csignal>\n#include <cstdlib>\n__attribute__((constructor)) void crash() { ${statement} }\n`);
}

/** A shared object that needs a version of glibc's that no system has. */
export function needingGlibc(path: string, version: string): void {
  const folder = join(dirname(path), 'future-libc');
  const script = join(folder, 'versions');
  mkdirSync(folder, { recursive: true });
  writeFileSync(script, `GLIBC_${version} { global: of_the_future; local: *; };\n`);
  const library = join(folder, 'libc.so.6');
  compile(library, 'extern "C" int of_the_future() { return 1; }\n', [
    ...['-nostdlib', '-Wl,-soname,libc.so.6', `-Wl,--version-script=${script}`],
  ]);
  compile(path, 'extern "C" int of_the_future();\nextern "C" int use_it() { return of_the_future(); }\n', [
    ...['-nostdlib', library],
  ]);
}
