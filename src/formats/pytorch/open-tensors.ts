import { stat } from 'node:fs/promises';
import { OpenFile, readError } from '../../files/index.js';
import { openShards, PYTORCH_INDEX_SUFFIX, SafetensorsSet, Shards } from '../safetensors/index.js';
import { PytorchArchive } from './archive.js';
import { looksLikePytorch } from './other-formats.js';

/** Enough to tell a zip archive from a pickle. */
const HEAD_BYTES = 4;
/** Names that torch.save's files have by custom: whatever is in them, its error is the helpful one. */
const PYTORCH_NAME = /\.(?:pth|pt|bin|ckpt)$/i;

/** The tensors of an archive of torch.save, or of those that an index (`*.bin.index.json`) names. */
export class PytorchSet extends Shards<PytorchArchive> {
  /** @throws DndError as `PytorchArchive.open` and `openShards` */
  static async open(path: string): Promise<PytorchSet> {
    const files = path.endsWith(PYTORCH_INDEX_SUFFIX)
      ? await openShards(path, (file) => PytorchArchive.open(file))
      : [await PytorchArchive.open(path)];
    return new PytorchSet(path, files);
  }
}

/**
 * Opens a PyTorch archive or a safetensors file, or a set of either, told apart by name and first bytes.
 * @throws DndError as `PytorchSet.open` and `SafetensorsSet.open`
 */
export async function openTensors(path: string): Promise<SafetensorsSet | PytorchSet> {
  return (await isPytorch(path)) ? PytorchSet.open(path) : SafetensorsSet.open(path);
}

/** Whether a path is a file, and one of torch.save or an index of such. */
export async function isPytorch(path: string): Promise<boolean> {
  // Opening a pipe would wait for its other end.
  const isFile = await stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
  if (!isFile) return false;
  if (PYTORCH_NAME.test(path) || path.endsWith(PYTORCH_INDEX_SUFFIX)) return true;
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
