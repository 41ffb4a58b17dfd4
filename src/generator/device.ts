import { cpuUse, type DeviceSettings, type DeviceUse, selectDevice } from '../engine/index.js';
import { DndError } from '../errors.js';
import type { DeviceReport } from './report.js';

/**
 * Runs work on the selected device. With `auto`, work that does not fit on a CUDA device, or fails to start there, runs
 * on the CPU.
 */
export async function onDevice<T>(settings: DeviceSettings, work: (device: DeviceUse) => Promise<T>): Promise<T> {
  const device = await selectDevice(settings);
  try {
    return await work(device);
  } catch (error) {
    const automatic = settings.device === undefined || settings.device === 'auto';
    if (!automatic || device.kind === 'cpu' || !isOfDevice(error)) throw error;
    return work(cpuUse(`${device.name}: ${error.message}`));
  }
}

function isOfDevice(error: unknown): error is DndError {
  return error instanceof DndError && (error.code === 'OUT_OF_MEMORY' || error.code === 'DEVICE_UNAVAILABLE');
}

export function deviceReport({ name, kind, precision, fallback }: DeviceUse): DeviceReport {
  return { name, kind, precision, fallback };
}
