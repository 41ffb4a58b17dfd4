import { cpuUse, type EngineOptions } from '../engine/index.js';
import { DndError } from '../errors.js';

/**
 * Creates an engine that may exist for the CPU only. A device given by its name refuses what it does not run; one that was
 * chosen for a whole generator is left to the decoder, and the text encoder runs on the CPU.
 */
export async function onDeviceOrCpu<Engine>(
  device: EngineOptions['device'],
  create: (device: EngineOptions['device']) => Promise<Engine>,
): Promise<Engine> {
  try {
    return await create(device);
  } catch (error) {
    const refused = error instanceof DndError && error.code === 'DEVICE_UNAVAILABLE';
    if (!refused || typeof device !== 'object' || device.kind === 'cpu') throw error;
    return create(cpuUse(error.message));
  }
}
