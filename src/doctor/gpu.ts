import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Gpu {
  /** Names of the NVIDIA devices of this machine. */
  devices: string[];
  /** Version of the NVIDIA driver; null when there is none. */
  driver: string | null;
}

const NVIDIA_SMI_MS = 10_000;

/**
 * Reads the driver's entries in /proc, or runs `nvidia-smi` where they are missing (some containers, other systems).
 * @param root where `/proc` is mounted
 */
export async function findGpu(root = '/'): Promise<Gpu> {
  const [driver, devices] = await Promise.all([driverFromProc(root), devicesFromProc(root)]);
  return driver === null && root === '/' ? askNvidiaSmi() : { devices, driver };
}

async function driverFromProc(root: string): Promise<string | null> {
  const text = await readFile(join(root, 'proc/driver/nvidia/version'), 'utf8').catch(() => '');
  return /^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s/m.exec(text)?.[1] ?? null;
}

async function devicesFromProc(root: string): Promise<string[]> {
  const folder = join(root, 'proc/driver/nvidia/gpus');
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(
    names.sort().map((name) => readFile(join(folder, name, 'information'), 'utf8').catch(() => '')),
  );
  return texts.map((text) => /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? 'unknown NVIDIA device');
}

async function askNvidiaSmi(): Promise<Gpu> {
  const question = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
  const answer = await promisify(execFile)('nvidia-smi', question, { timeout: NVIDIA_SMI_MS }).catch(() => undefined);
  const lines = answer?.stdout.trim().split('\n').filter(Boolean) ?? [];
  const pairs = lines.map((line) => line.split(',').map((part) => part.trim()));
  return { devices: pairs.map(([name]) => name ?? ''), driver: pairs[0]?.[1] ?? null };
}
