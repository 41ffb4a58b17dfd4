import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

/** What is hidden: something that is not complete yet, that makes way for something new, or that is being removed. */
type PartialKind = 'partial' | 'replaced' | 'removed';

/** File systems allow names of 255 bytes; a character takes at most 4. */
const MOST_CHARACTERS = 40;

const PARTIAL_NAME = /^\.(.*)\.(partial|replaced|removed)-([0-9a-f]{12})-(\d+)-(\d*)-[0-9a-f]{8}$/s;

export interface PartialName {
  kind: PartialKind;
  /** The name that it stands for; undefined where it was too long to be told. */
  target: string | undefined;
  owner: ProcessIdentity;
}

/** A hidden name beside `path`, never used before, that tells which process uses it. */
export function partialName(path: string, kind: PartialKind = 'partial'): string {
  const name = basename(path).slice(0, MOST_CHARACTERS);
  const { system, pid, startTime } = ownIdentity();
  return join(dirname(path), `.${name}.${kind}-${system}-${pid}-${startTime}-${randomBytes(4).toString('hex')}`);
}

/** Undefined for a name that `partialName` does not make. */
export function parsePartialName(name: string): PartialName | undefined {
  const [, target, kind, system, pid, startTime] = PARTIAL_NAME.exec(name) ?? [];
  if (target === undefined || system === undefined || startTime === undefined) return undefined;
  return {
    kind: kind as PartialKind,
    target: target.length < MOST_CHARACTERS ? target : undefined,
    owner: { system, pid: Number(pid), startTime },
  };
}
