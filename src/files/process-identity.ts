import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A unique identity of a process, even across reused process ids and other machines. */
export interface ProcessIdentity {
  /** Of the process id namespace: one boot of a machine, or a container on it. */
  system: string;
  pid: number;
  /** When the process started, in clock ticks since boot; '' if unknown. */
  startTime: string;
}

let own: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  own ??= { system: systemIdentity(), pid: process.pid, startTime: startOf(process.pid) ?? '' };
  return own;
}

/**
 * Whether the process has ended for certain. Processes of another machine, container or boot cannot be checked: they
 * count as running.
 */
export function hasEnded({ system, pid, startTime }: ProcessIdentity): boolean {
  return system === ownIdentity().system && !isRunning(pid, startTime);
}

/** @param startTime '' if unknown: then a later process with the same id is mistaken for it */
export function isRunning(pid: number, startTime: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (startOf(pid) ?? '') === startTime;
}

/** Clock ticks since boot; undefined if the system does not report it. */
export function startOf(pid: number): string | undefined {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // A zombie process is still listed.
  return fields[0] === 'Z' ? 'ended' : fields[19];
}

/** The host name alone is not enough: containers may share their machine's, and machines may have the same. */
function systemIdentity(): string {
  const texts = [hostname(), read('/proc/sys/kernel/random/boot_id'), processNamespace()];
  return createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 12);
}

/** Each process id namespace numbers its processes independently. */
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
