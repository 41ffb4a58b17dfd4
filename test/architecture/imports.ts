import { posix } from 'node:path';
import { parseSync } from '@swc/core';

/** What a file says it depends on: a file of product code, or a text that none could be found for. */
export type Import = { file: string } | { missing: string };

const CPP = /\.(h|hpp|cuh|inc|cc|cpp|cu)$/;
const TYPESCRIPT = /\.[cm]?tsx?$/;

export const isProductCode = (path: string) => CPP.test(path) || TYPESCRIPT.test(path);

/** Where includes are looked for, behind the folder of the including file: the build's include paths. */
const INCLUDE_FOLDERS = ['native', '.', 'bindings', 'cuda'];

/** All imports and includes of a file that mean code of this repository. */
export function importsOf(path: string, text: string, files: ReadonlySet<string>): Import[] {
  return CPP.test(path) ? includesOf(path, text, files) : typescriptImportsOf(path, text, files);
}

function includesOf(path: string, text: string, files: ReadonlySet<string>): Import[] {
  return [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]*(.*)$/gm)].flatMap(([, what]): Import[] => {
    const [, quote, name] = /^(["<])([^">]+)[">]/.exec(what!) ?? [];
    if (name === undefined) return [{ missing: what!.trim() }];
    const file = [posix.dirname(path), ...INCLUDE_FOLDERS]
      .map((folder) => posix.join(folder, name))
      .find((candidate) => files.has(candidate));
    if (file !== undefined) return [{ file }];
    return quote === '"' || isOutsideProduct(name) ? [{ missing: name }] : [];
  });
}

/** Relative paths in any string, which includes imports of types, `require` and the files of workers. */
function typescriptImportsOf(path: string, text: string, files: ReadonlySet<string>): Import[] {
  const found: Import[] = [];
  visit(parseSync(text, { syntax: 'typescript', target: 'es2022' }), (node) => {
    if (isComputedImport(node)) found.push({ missing: 'import(…) of a computed path' });
    if (node.type !== 'StringLiteral' || !/^\.\.?\//.test(String(node.value))) return;
    const target = posix.join(posix.dirname(path), String(node.value));
    const file = [target, target.replace(/\.([cm]?)js$/, '.$1ts')].find((candidate) => files.has(candidate));
    if (file !== undefined) found.push({ file });
    else if (/\.[cm]?[jt]s$/.test(target)) found.push({ missing: target });
  });
  return found;
}

type Node = Record<string, unknown>;

function isComputedImport(node: Node): boolean {
  if (node.type !== 'CallExpression' || (node.callee as Node).type !== 'Import') return false;
  const [first] = node.arguments as { expression: Node }[];
  return first?.expression.type !== 'StringLiteral';
}

function visit(value: unknown, look: (node: Node) => void): void {
  if (Array.isArray(value)) for (const each of value) visit(each, look);
  else if (typeof value === 'object' && value !== null) {
    look(value as Node);
    for (const each of Object.values(value)) visit(each, look);
  }
}

/** Whether a path from the repository's root names code that is not shipped. */
export const isOutsideProduct = (path: string) => /^(test|bench|scripts|examples)\//.test(path);
