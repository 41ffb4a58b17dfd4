import { DndError } from '../errors.js';
import { checkWholeNumber, quoteValue } from '../validation/index.js';
import { addon, cpuInfo } from './addon.js';
import { runJob } from './job.js';
import { findCudaLibrary, otherVersion } from './loading/cuda-library.js';
import type { CudaDevice, DeviceInfo, DeviceOptions } from './native.js';
import { warnOfThreads } from './threads.js';

/** Compute device: `cuda` is `cuda:0`; `auto` uses the first CUDA device that works, else the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;

/**
 * Precision of products with weights: 'mixed' is float16 operands and float32 sums, on CUDA devices only; 'bf16' is
 * bfloat16 operands and float32 sums, on CPUs with AVX512-BF16 only.
 */
export type Precision = 'mixed' | 'fp32' | 'bf16';

/** Precisions that can be asked for. */
export const PRECISIONS = ['fp32', 'bf16'] as const;
/** A precision that can be asked for: `fp32` or `bf16`. */
export type PrecisionName = (typeof PRECISIONS)[number];

/** The device that was chosen. Plain data. */
export interface DeviceUse {
  kind: 'cpu' | 'cuda';
  /** Which of several CUDA devices. */
  ordinal: number;
  /** 'NVIDIA H100 80GB HBM3', or 'CPU (avx512)'. */
  name: string;
  precision: Precision;
  /** Why `auto` fell back to the CPU; null otherwise. */
  fallback: string | null;
}

export interface DeviceSettings {
  device?: Device | undefined;
  /**
   * 'fp32': float32 accuracy on a CUDA device, slower; 'bf16': bfloat16 products on a CPU with AVX512-BF16, where 'auto'
   * is the CPU. Default: 'mixed' on a CUDA device, 'fp32' on a CPU.
   */
  precision?: PrecisionName | undefined;
}

/** The CUDA library, where it was found, and its devices. */
export interface CudaInfo extends DeviceInfo {
  /** 'DND_CUDA_LIBRARY', 'beside the addon', or the package, with its version, that contains it; null if there is none. */
  foundIn: string | null;
}

/** The CUDA library that is used and its devices. Throws ADDON_UNAVAILABLE. */
export async function deviceInfo(): Promise<CudaInfo> {
  const { deviceInfo: ask } = addon();
  const library = findCudaLibrary();
  if ('problem' in library) return { library: library.path, foundIn: null, problem: library.problem, devices: [] };
  const info = await runJob<DeviceInfo>((done) => ask(library.path, done));
  const advice = info.problem === null ? undefined : otherVersion(library);
  return { ...info, foundIn: library.from, problem: advice ? `${info.problem}; ${advice}` : info.problem };
}

/**
 * Checks the form of a device's name only.
 * @param precisions that can be chosen
 * @throws DndError DEVICE_UNAVAILABLE for an invalid name, INVALID_ARGUMENT for an unknown precision
 */
export function checkDevice(
  { device, precision }: { device?: unknown; precision?: unknown },
  precisions: readonly string[] = PRECISIONS,
): void {
  if (device !== undefined && !(typeof device === 'string' && /^(?:auto|cpu|cuda(?::\d{1,4})?)$/.test(device)))
    throw new DndError(
      'DEVICE_UNAVAILABLE',
      `there is no device ${quoteValue(device)}: choose auto, cpu, cuda or cuda:N`,
    );
  if (precision !== undefined && !precisions.some((known) => known === precision))
    throw new DndError(
      'INVALID_ARGUMENT',
      `the precision must be ${precisions.join(' or ')}, or left out, not ${quoteValue(precision)}`,
    );
}

/**
 * Checks the options of every engine, under the names that callers use.
 * @throws DndError as `checkDevice`, INVALID_ARGUMENT
 */
export function checkEngineSettings(settings: {
  device?: unknown;
  precision?: unknown;
  threads?: unknown;
  memoryLimitBytes?: unknown;
}): void {
  checkDevice(settings);
  checkWholeNumber(settings.threads, 'threads', 0);
  checkWholeNumber(settings.memoryLimitBytes, 'memoryLimitBytes', 1);
}

/**
 * Chooses a device, which is opened once to check that it works.
 * @throws DndError DEVICE_UNAVAILABLE if the requested device cannot be used: why, and what to do; INVALID_ARGUMENT for
 * bf16 on a CUDA device; ADDON_UNAVAILABLE
 */
export async function selectDevice(settings: DeviceSettings): Promise<DeviceUse> {
  checkDevice(settings);
  const { device = 'auto', precision = 'mixed' } = settings;
  if (precision === 'bf16') return bfloat16Use(device);
  if (device === 'cpu') return cpuUse(null);
  const info = await deviceInfo();
  if (device !== 'auto') {
    const ordinal = Number(device.split(':')[1] ?? 0);
    const problem = info.problem ?? (await problemOf(info, ordinal, precision));
    if (problem === null) return cudaUse(info, ordinal, precision);
    throw new DndError('DEVICE_UNAVAILABLE', `the device ${device} cannot be used: ${problem}. ${WAY_OUT}`);
  }
  let reason = info.problem;
  for (const [ordinal] of info.devices.entries()) {
    const problem = await problemOf(info, ordinal, precision);
    if (problem === null) return cudaUse(info, ordinal, precision);
    reason ??= problem;
  }
  return cpuUse(reason ?? NO_DEVICE);
}

const NO_DEVICE = 'there is no CUDA device';
const WAY_OUT = "Choose the device cpu, or auto, which falls back to it; 'dnd doctor' shows the available devices.";

/** The CPU, if it has instructions for bfloat16 products. */
function bfloat16Use(device: Device): DeviceUse {
  if (device !== 'auto' && device !== 'cpu')
    throw new DndError(
      'INVALID_ARGUMENT',
      `the precision bf16 is of CPUs, and the device is ${device}. Leave precision out, or choose the device cpu`,
    );
  const { isa, bfloat16 } = cpuInfo();
  if (bfloat16) return { ...cpuUse(null), precision: 'bf16' };
  throw new DndError(
    'DEVICE_UNAVAILABLE',
    `the precision bf16 needs the instruction set avx512bf16 (AVX512-BF16) beside avx512; this CPU lacks it, or DND_CPU_ISA chose another: the one in use is ${isa}. Use the precision fp32`,
  );
}

/** @param fallback why no other device was chosen; null if the CPU was requested */
export function cpuUse(fallback: string | null): DeviceUse {
  return { kind: 'cpu', ordinal: 0, name: `CPU (${cpuInfo().isa})`, precision: 'fp32', fallback };
}

function cudaUse({ devices }: DeviceInfo, ordinal: number, precision: Precision): DeviceUse {
  return { kind: 'cuda', ordinal, name: devices[ordinal]?.name ?? `cuda:${ordinal}`, precision, fallback: null };
}

/**
 * The result of `deviceInfo`, and whether the devices work: each usable one is opened once. Throws ADDON_UNAVAILABLE.
 */
export async function examineDevices(): Promise<CudaInfo> {
  const info = await deviceInfo();
  const devices: CudaDevice[] = [];
  for (const [ordinal, device] of info.devices.entries())
    devices.push({ ...device, problem: await problemOf(info, ordinal, 'mixed') });
  const usable = devices.some(({ problem }) => problem === null);
  const problem = info.problem ?? (usable ? null : (devices[0]?.problem ?? NO_DEVICE));
  return { ...info, problem, devices };
}

/** Why a device cannot be used; null if it can. */
async function problemOf({ devices }: DeviceInfo, ordinal: number, precision: Precision): Promise<string | null> {
  if (devices[ordinal]?.problem) return devices[ordinal].problem;
  const options = nativeDevice({ kind: 'cuda', ordinal, precision });
  try {
    await runJob<undefined>((done) => addon().tryDevice(options, done));
    return null;
  } catch (error) {
    // A device that is full or broken is not usable either.
    if (error instanceof DndError && error.code !== 'ABORTED') return error.message;
    throw error;
  }
}

/** The device of an engine, in the addon's form. */
export function nativeDevice(
  { kind, ordinal, precision }: Pick<DeviceUse, 'kind' | 'ordinal' | 'precision'>,
  { threads = 0, memoryLimitBytes }: { threads?: number | undefined; memoryLimitBytes?: number | undefined } = {},
): DeviceOptions {
  warnOfThreads(threads);
  const isCuda = kind === 'cuda';
  const library = isCuda ? findCudaLibrary().path : '';
  const deviceLimitBytes = isCuda ? (memoryLimitBytes ?? 0) : 0;
  return { device: kind, ordinal, precision, cudaLibrary: library, deviceLimitBytes, threads };
}
