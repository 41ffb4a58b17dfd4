import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './root.js';

/** A part of TypeDoc's JSON, as far as the tests read it. */
export interface Reflection {
  name: string;
  kind: number;
  comment?: {
    summary: Part[];
    blockTags?: { tag: string; content: Part[] }[];
  };
  children?: Reflection[];
  signatures?: Reflection[];
  getSignature?: Reflection;
  parameters?: Reflection[];
  type?: unknown;
}
interface Part {
  text: string;
}

export const KIND = { module: 2, function: 64, constructor: 512, property: 1024, method: 2048, accessor: 262144 };

/** A symbol of the API by its path: "dnd-lora.Generator.load". */
export interface Documented {
  path: string;
  reflection: Reflection;
}

/** Runs TypeDoc as `npm run docs:api` does, writing nothing but its JSON. Rejects with its warnings. */
export async function readReference(folder: string): Promise<Reflection> {
  const workspace = join(ROOT, 'scripts', 'api-reference');
  const entry = require.resolve('typedoc', { paths: [workspace] });
  const program = join(dirname(dirname(entry)), 'bin', 'typedoc');
  const json = join(folder, 'api.json');
  await promisify(execFile)(process.execPath, [program, '--json', json], {
    cwd: workspace,
    env: { ...process.env, NO_COLOR: '1' },
  }).catch((error: { stderr: string }) => {
    throw new Error(error.stderr);
  });
  return JSON.parse(readFileSync(json, 'utf8'));
}

/** Every symbol below, members of inline types included. */
export function* symbols(reflection: Reflection, path = ''): Generator<Documented> {
  if (path !== '') yield { path, reflection };
  const below = [...(reflection.children ?? []), ...inlineTypes(reflection.type)];
  for (const child of below) yield* symbols(child, path === '' ? child.name : `${path}.${child.name}`);
}

function inlineTypes(type: unknown): Reflection[] {
  if (Array.isArray(type)) return type.flatMap(inlineTypes);
  if (typeof type !== 'object' || type === null) return [];
  const { declaration, ...others } = type as { declaration?: Reflection };
  return [...(declaration?.children ?? []), ...Object.values(others).flatMap(inlineTypes)];
}

/** The text of a docstring, block tags included; empty without one. */
export function textOf({ comment, getSignature, signatures }: Reflection): string {
  const own = [comment, getSignature?.comment, ...(signatures ?? []).map((signature) => signature.comment)];
  return own
    .flatMap((one) => [
      ...(one?.summary ?? []),
      ...(one?.blockTags ?? []).flatMap(({ tag, content }) => [{ text: `\n${tag} ` }, ...content]),
    ])
    .map(({ text }) => text)
    .join('');
}
