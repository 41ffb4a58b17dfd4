import { stat } from 'node:fs/promises';
import { OpenFile, readError } from '../../files/index.js';
import { SafetensorsSet } from '../safetensors/index.js';
import { PytorchArchive } from './archive.js';
import { looksLikePytorch } from './other-formats.js';

/** Enough to tell a zip archive from a pickle. */
const HEAD_BYTES = 4;
/** Names that torch.save's files have by custom: whatever is in them, its error is the helpful one. */
const PYTORCH_NAME = /\.(?:pth|pt|bin|ckpt)$/i;

/**
 * Opens a PyTorch archive or a safetensors file or set, told apart by name and first bytes.
 * @throws DndError as `PytorchArchive.open` and `SafetensorsSet.open`
 */
export async function openTensors(path: string): Promise<SafetensorsSet | PytorchArchive> {
  return (await isPytorch(path)) ? PytorchArchive.open(path) : SafetensorsSet.open(path);
}

/** Whether a path is a file, and one of torch.save. */
export async function isPytorch(path: string): Promise<boolean> {
  // Opening a pipe would wait for its other end.
  const isFile = await stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
  if (!isFile) return false;
  if (PYTORCH_NAME.test(path)) return true;
  const head = new Uint8Array(HEAD_BYTES);
  let file: OpenFile | undefined;
  try {
    file = await OpenFile.open(path, 'r');
    return looksLikePytorch(head.subarray(0, await file.read(head)));
  } catch (error) {
    throw readError(error, path);
  } finally {
    await file?.close();
  }
}
