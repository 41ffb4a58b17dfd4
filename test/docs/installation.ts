import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import type { Block } from './blocks.js';
import { ROOT } from './root.js';

const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** The package in question: that of this clone, unless a packed one is tested. */
const PACKAGE = process.env.DND_TEST_PACKAGE ?? ROOT;

/** Makes `folder` one in which the package is installed, and nothing else. */
export function install(folder: string): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  symlinkSync(PACKAGE, join(modules, 'dnd-lora'), 'junction');
  symlinkSync(join(ROOT, 'node_modules', '@types'), join(modules, '@types'), 'junction');
  const program = join(modules, '.bin', 'dnd');
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${join(PACKAGE, 'dist', 'cli', 'main.js')}" "$@"\n`);
  chmodSync(program, 0o755);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['block-*.ts'] }));
}

/** Runs a block in `folder`; rejects with what it printed. @returns its standard output */
export async function runBlock(folder: string, { language, text, file, line }: Block): Promise<string> {
  if (language === 'json') {
    JSON.parse(text);
    if (file !== undefined) writeFileSync(join(folder, file), text);
    return '';
  }
  if (language === 'sh') return run(folder, 'bash', ['-euo', 'pipefail', '-c', text]);
  const program = join(folder, `block-${line}.${isCommonJs(text) ? 'cjs' : 'mjs'}`);
  writeFileSync(program, language === 'ts' ? javaScriptOf(text) : text);
  return run(folder, process.execPath, [program]);
}

/** Runs a line of a shell. */
export const runCommand = (folder: string, command: string) => run(folder, 'bash', ['-c', command]);

/** Checks the types of the TypeScript among the blocks against the package's own. Rejects with the compiler's messages. */
export async function checkTypes(folder: string, blocks: readonly Block[]): Promise<void> {
  for (const { line, text } of blocks) writeFileSync(join(folder, `block-${line}.ts`), `${text}\nexport {};\n`);
  await run(folder, process.execPath, [COMPILER, '-p', folder]);
}

const isCommonJs = (text: string) => /\brequire\(/.test(text) && !/^import /m.test(text);

function javaScriptOf(text: string): string {
  return transformSync(text, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'nodenext' },
    isModule: true,
  }).code;
}

function run(folder: string, program: string, argv: readonly string[]): Promise<string> {
  const path = [join(folder, 'node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(delimiter);
  // Nothing is downloaded, and nothing comes from the caches of whoever runs it.
  const own = { HF_HUB_OFFLINE: '1', npm_config_offline: 'true', HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') };
  const env = { ...process.env, PATH: path, ...own, DND_CACHE: join(folder, 'cache') };
  return new Promise((resolve, reject) => {
    const child = execFile(program, argv, { cwd: folder, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message.split('\n')[0]!.slice(0, 200)}\n${stdout}\n${stderr}`));
      else resolve(stdout);
    });
    child.stdin?.end();
  });
}

/** A page of the repository. */
export const readPage = (path: string) => readFileSync(join(ROOT, path), 'utf8');
