import { posix } from 'node:path';
import { importsOf, isOutsideProduct } from './imports.js';
import type { Module } from './module-table.js';

/**
 * Everything in product code that the table of modules does not allow, as `file → file: rule`, and everything in the
 * table that is not true of the files.
 * @param files the text of each file by its path from the repository's root
 */
export function violations(files: ReadonlyMap<string, string>, modules: readonly Module[]): string[] {
  const paths = new Set(files.keys());
  const imports = new Map<string, string[]>();
  const found: string[] = [];
  for (const [path, text] of files) {
    const known = new Set<string>();
    for (const each of importsOf(path, text, paths)) {
      if ('file' in each) known.add(each.file);
      else found.push(`${path} → ${each.missing}: ${missingRule(each.missing)}`);
    }
    imports.set(path, [...known]);
  }
  return [
    ...wrongRows(paths, modules),
    ...found,
    ...[...imports].flatMap(([from, targets]) => targets.flatMap((to) => forbidden(from, to, modules))),
    ...cyclesOf(imports).map((cycle) => `${cycle.join(' → ')}: files import each other in a cycle`),
  ];
}

function missingRule(path: string): string {
  return isOutsideProduct(path) ? 'product code must not depend on test code' : 'is not a file of product code';
}

function moduleOf(path: string, modules: readonly Module[]): Module | undefined {
  return [path, `${posix.dirname(path)}/`]
    .map((name) => modules.find(({ paths }) => paths.includes(name)))
    .find((module) => module !== undefined);
}

function forbidden(from: string, to: string, modules: readonly Module[]): string[] {
  const [own, other] = [moduleOf(from, modules), moduleOf(to, modules)];
  // Without a row there is nothing to compare with; the missing row is reported by itself.
  if (own === undefined || other === undefined || own === other) return [];
  if (other.paths.some((path) => own.allowed.includes(path))) return [];
  return [`${from} → ${to}: ${own.paths[0]} must not depend on ${other.paths[0]}`];
}

function wrongRows(files: ReadonlySet<string>, modules: readonly Module[]): string[] {
  const named = modules.flatMap(({ paths }) => paths);
  const folders = new Set([...files].map((path) => `${posix.dirname(path)}/`));
  const withoutRow = [...files].filter((path) => moduleOf(path, modules) === undefined);
  const allowed = new Map(
    modules.map((module) => [
      module.paths[0]!,
      module.allowed.flatMap((name) =>
        modules.filter(({ paths }) => paths.includes(name)).map(({ paths }) => paths[0]!),
      ),
    ]),
  );
  return [
    ...new Set(withoutRow.map((path) => `${posix.dirname(path)}/: has no row`)),
    ...named.filter((name) => !files.has(name) && !folders.has(name)).map((name) => `${name}: has a row and no code`),
    ...named.filter((name, index) => named.indexOf(name) !== index).map((name) => `${name}: has two rows`),
    ...modules.flatMap((module) =>
      module.allowed
        .filter((name) => !named.includes(name))
        .map((name) => `${module.paths[0]} → ${name}: is allowed and has no row`),
    ),
    ...cyclesOf(allowed).map((cycle) => `${cycle.join(' → ')}: the table allows a cycle`),
  ];
}

/** Shortest cycles, so many that every node that is on a cycle is in one of them. */
function cyclesOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  for (const start of edges.keys()) {
    if (cycles.some((cycle) => cycle.includes(start))) continue;
    const cycle = shortestCycle(start, edges);
    if (cycle !== undefined) cycles.push(cycle);
  }
  return cycles;
}

function shortestCycle(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const reached = new Map<string, string[]>([[start, [start]]]);
  for (const [node, path] of reached) {
    for (const next of edges.get(node) ?? []) {
      if (next === start) return [...path, start];
      if (!reached.has(next)) reached.set(next, [...path, next]);
    }
  }
  return undefined;
}
