import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { cpus, homedir } from 'node:os';
import { basename, join } from 'node:path';

const TRIAL_MS = 60_000;

/**
 * Loads an addon and computes a small product with the instruction set that it would choose. A binary that does not fit
 * the processor ends the process here, instead of the one that asked.
 */
const PROGRAM = `
  const loaded = { exports: {} };
  process.dlopen(loaded, process.argv[1]);
  const device = { device: 'cpu', ordinal: 0, precision: 'fp32', cudaLibrary: '', deviceLimitBytes: 0, threads: 1 };
  loaded.exports.cpuInfo();
  loaded.exports.measureGemm(64, { ...device, runs: 1, enoughSeconds: 1 }, () => process.exit(0));
`;

/** How a child process ends that executes an instruction it must not, or touches memory that it has not. */
const CRASHES = new Set(['SIGILL', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGABRT', 'SIGTRAP']);
/** Windows: the smallest status that is an exception's, such as 0xC000001D. */
const SMALLEST_EXCEPTION = 0xc0000000;

/**
 * Tries an addon in a child process, once for each installation: success is noted in the user's cache folder, so that later
 * processes only look for the note. Failures other than a crash are not reported here, because loading reports them better.
 * @returns how the child process ended, such as `SIGILL`; undefined if it did not crash, or if no child can be started
 */
export function crashOf(addon: string): string | undefined {
  if (!canStartNode()) return undefined;
  try {
    const conditions = JSON.stringify(conditionsOf(addon));
    const note = noteOf(conditions);
    if (note !== undefined && existsSync(note)) return undefined;
    const { status, signal } = runTrial(addon);
    if (signal !== null && CRASHES.has(signal)) return signal;
    if (status !== null && status >= SMALLEST_EXCEPTION) return `exception 0x${status.toString(16).toUpperCase()}`;
    if (status === 0 && note !== undefined) write(note, conditions);
  } catch {
    // Such as a Node that was started with --permission. What is wrong with the addon itself, loading it will tell.
  }
  return undefined;
}

function runTrial(addon: string) {
  return spawnSync(process.execPath, ['--eval', PROGRAM, addon], {
    // Options such as --inspect or --require are those of the program, not of the trial.
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: 'ignore',
    timeout: TRIAL_MS,
    windowsHide: true,
  });
}

/** Not so in Electron, in single executables and under other hosts, where this would start the program itself. */
function canStartNode(): boolean {
  const { electron, bun } = process.versions as { electron?: string; bun?: string };
  return !electron && !bun && /^node(js)?[\d.-]*(\.exe)?$/i.test(basename(process.execPath));
}

/** All that may change whether the addon crashes. */
function conditionsOf(addon: string): Record<string, unknown> {
  const { size, mtimeMs } = statSync(addon);
  const { node } = process.versions;
  return { addon, size, mtimeMs, node, cpu: processor(), instructionSet: process.env.DND_CPU_ISA ?? null };
}

/** Model and features of the processor; on Linux without asking about every one of them. */
function processor(): string {
  if (process.platform !== 'linux') return cpus()[0]?.model ?? 'unknown';
  const [first] = beginning('/proc/cpuinfo').split('\n\n', 1);
  const lines = first!.split('\n').filter((line) => /^(model name|flags|Features|CPU (implementer|part))\b/.test(line));
  return digest(lines.join('\n'));
}

function beginning(path: string): string {
  const bytes = Buffer.alloc(8192);
  const file = openSync(path, 'r');
  try {
    return bytes.toString('utf8', 0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}

/** The file that notes a success under these conditions; undefined for a user without a folder for it. */
function noteOf(conditions: string): string | undefined {
  const name = `${digest(conditions)}.json`;
  try {
    return join(cacheFolder(), 'addon-trials', name);
  } catch {
    return undefined;
  }
}

/** `DND_CACHE`, else the system's place for files that can be made again. */
function cacheFolder(): string {
  const { DND_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (DND_CACHE) return DND_CACHE;
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'dnd-lora');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'dnd-lora');
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache', 'dnd-lora');
}

/** Where the note cannot be written, the addon is tried again in the next process. */
function write(note: string, text: string): void {
  try {
    mkdirSync(join(note, '..'), { recursive: true });
    writeFileSync(note, `${text}\n`);
  } catch {}
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
