import { arch, cpus, platform, release, totalmem } from 'node:os';
import {
  addonPath,
  availableMemoryBytes,
  type CpuInfo,
  type CudaInfo,
  cpuInfo,
  examineDevices,
} from '../engine/index.js';
import { DndError } from '../errors.js';
import { PACKAGE } from '../package.js';
import { findGpu, type Gpu } from './gpu.js';

export interface Diagnosis {
  /** Whether this installation works. */
  ok: boolean;
  version: string;
  node: string;
  system: string;
  addon: { loaded: boolean; path: string | null; problem: string | null };
  cpu: { model: string; cores: number } & { [Key in keyof CpuInfo]: CpuInfo[Key] | null };
  /** `limit`: of the control group, if any. */
  memoryBytes: { total: number; available: number; limit: number | null };
  /** As reported by the system. */
  gpu: Gpu;
  /** As reported by the CUDA library; null without an addon. */
  cuda: CudaInfo | null;
}

/** Facts about the machine and this installation for bug reports. */
export async function diagnose(): Promise<Diagnosis> {
  const addon = examineAddon();
  const { info } = addon;
  const processors = cpus();
  const gpu = await findGpu();
  return {
    ok: info !== null,
    version: PACKAGE.version,
    node: process.versions.node,
    system: `${platform()} ${arch()} ${release()}`,
    addon: { loaded: info !== null, path: addon.path, problem: addon.problem },
    cpu: {
      model: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      isa: info?.isa ?? null,
      available: info?.available ?? null,
      bfloat16: info?.bfloat16 ?? null,
      usableCpus: info?.usableCpus ?? null,
      defaultThreads: info?.defaultThreads ?? null,
      compiler: info?.compiler ?? null,
    },
    memoryBytes: { total: totalmem(), available: availableMemoryBytes(), limit: memoryLimit() },
    gpu,
    cuda: info && (await examineDevices()),
  };
}

function examineAddon(): { path: string | null; info: CpuInfo | null; problem: string | null } {
  let path: string | null = null;
  try {
    path = addonPath();
    return { path, info: cpuInfo(), problem: null };
  } catch (error) {
    if (!(error instanceof DndError)) throw error;
    return { path, info: null, problem: error.message };
  }
}

/** Without a limit, Node returns 0 or an impossibly large number. */
function memoryLimit(): number | null {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : null;
}
