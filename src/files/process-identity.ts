import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, told apart from all others: also from a later one of the same number, and from those of other machines. */
export interface ProcessIdentity {
  /** Of what gives processes their numbers: a machine from one start to the next, or a container on it. */
  system: string;
  pid: number;
  /** When the process began, in clock ticks after the machine's start; '' where the system does not tell. */
  startTime: string;
}

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= { system: systemIdentity(), pid: process.pid, startTime: startOf(process.pid) ?? '' };
  return own;
}

/**
 * Whether the process has ended for certain. One of another machine or container cannot be seen from here, and one from
 * before the machine's last start cannot be told from it: they count as running.
 */
export function hasEnded({ system, pid, startTime }: ProcessIdentity): boolean {
  return system === ownIdentity().system && !isRunning(pid, startTime);
}

/** @param startTime '' where it is not known: then a later process of the same number is taken for it */
export function isRunning(pid: number, startTime: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (startOf(pid) ?? '') === startTime;
}

/** Clock ticks after the machine's start; undefined where the system does not tell. */
export function startOf(pid: number): string | undefined {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // A process that has ended but was not waited for is still listed.
  return fields[0] === 'Z' ? 'ended' : fields[19];
}

/** A host's name alone would not do: containers may share that of their machine, and machines may have the same. */
function systemIdentity(): string {
  const texts = [hostname(), read('/proc/sys/kernel/random/boot_id'), processNamespace()];
  return createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 12);
}

/** Processes of two of these have numbers of their own. */
function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
