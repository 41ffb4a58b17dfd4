import { DndError } from '../errors.js';

/** Where the work is done. 'auto' takes the best there is. */
export type Device = 'auto' | 'cpu';

/** @throws DndError DEVICE_UNAVAILABLE for a device that this version does not have */
export function checkDevice(device: string | undefined): void {
  if (device === undefined || device === 'auto' || device === 'cpu') return;
  throw new DndError(
    'DEVICE_UNAVAILABLE',
    `there is no device '${device}': this version computes on the CPU; choose auto or cpu`,
  );
}
