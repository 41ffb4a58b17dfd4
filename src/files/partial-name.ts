import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

/** Kinds of hidden names: not yet complete, being replaced, or being removed. */
type PartialKind = 'partial' | 'replaced' | 'removed';

/** File systems allow names of 255 bytes; a character takes at most 4. */
const MOST_CHARACTERS = 40;

const PARTIAL_NAME = /^\.(.*)\.(partial|replaced|removed)-([0-9a-f]{12})-(\d+)-(\d*)-[0-9a-f]{8}$/s;

export interface PartialName {
  kind: PartialKind;
  /** The final name; undefined if it was too long to be included. */
  target: string | undefined;
  owner: ProcessIdentity;
}

/** A unique hidden name beside `path` that identifies the process using it. */
export function partialName(path: string, kind: PartialKind = 'partial'): string {
  const name = basename(path).slice(0, MOST_CHARACTERS);
  const { system, pid, startTime } = ownIdentity();
  return join(dirname(path), `.${name}.${kind}-${system}-${pid}-${startTime}-${randomBytes(4).toString('hex')}`);
}

/** Undefined for a name not made by `partialName`. */
export function parsePartialName(name: string): PartialName | undefined {
  const [, target, kind, system, pid, startTime] = PARTIAL_NAME.exec(name) ?? [];
  if (target === undefined || system === undefined || startTime === undefined) return undefined;
  return {
    kind: kind as PartialKind,
    target: target.length < MOST_CHARACTERS ? target : undefined,
    owner: { system, pid: Number(pid), startTime },
  };
}
