import type { Piece } from './build-pickle.js';
import { pickle } from './build-pickle.js';
import { type ZipOptions, type ZipPart, zipBytes } from './build-zip.js';

/** The files of an archive as torch.save lays them out. */
export function archiveParts(value: Piece, storages: Record<string, Uint8Array>, folder = 'archive'): ZipPart[] {
  return [
    { name: `${folder}/data.pkl`, data: pickle(value) },
    { name: `${folder}/byteorder`, data: Buffer.from('little') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `${folder}/data/${key}`, data })),
    { name: `${folder}/version`, data: Buffer.from('3\n') },
  ];
}

export function archiveBytes(value: Piece, storages: Record<string, Uint8Array>, options?: ZipOptions): Buffer {
  return zipBytes(archiveParts(value, storages), options);
}

export function floats(...values: number[]): Buffer {
  return Buffer.from(new Float32Array(values).buffer);
}

/** 0, 1, 2 … as float32. */
export function counting(count: number): Buffer {
  return floats(...Array.from({ length: count }, (_, index) => index));
}
