import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type GivenAdapter, readPeft, requireFinite, toLoraAdapter } from '../adapter/index.js';
import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import {
  checkFolderOutput,
  OpenFile,
  readError,
  refuseInputAsOutput,
  writeFileAtomically,
  writeFolderAtomically,
} from '../files/index.js';
import { DTYPES } from '../formats/dtypes.js';
import { SafetensorsFile } from '../formats/safetensors/index.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { type BaseFolder, openBaseFolder } from './base-folder.js';
import { mergeRows } from './merge-rows.js';
import { type MergeTarget, mergeTargets } from './targets.js';

/** Options of `mergeAdapter`. */
export interface MergeOptions extends LongOperation {
  /** The base model's folder: config.json, model.safetensors or its index and shards, tokenizer. */
  base: string;
  /** The folder to write. */
  out: string;
  /** Replace an existing model folder. */
  force?: boolean | undefined;
}

/** What `mergeAdapter` wrote. Plain data. */
export interface MergeReport {
  /** Folder of the base model. */
  base: string;
  /** Folder of the merged model. */
  out: string;
  /** Number of tensors that were changed. */
  merged: number;
  /** Number of tensors in all. */
  tensors: number;
  /** Size of all weights. */
  bytes: number;
  /** Names of the weight files. */
  weights: string[];
  /** Names of the files that were copied. */
  copied: string[];
  /** Names of the files that the merged model does not need. */
  skipped: string[];
  /** Settings of the adapter that are unknown and ignored. */
  notes: string[];
}

/** A file of an existing output that marks it as a model. */
export const MODEL_MARKER = 'config.json';

/** Merging so many bytes takes some milliseconds. */
const MERGE_BYTES = 2 ** 18;

/**
 * Merges an adapter into its base model: W + scale · B · A for every adapted module, in the base's dtype, into a new
 * folder. All other bytes of the weights, and their division over files, stay as they are. The weights are streamed,
 * so that memory grows with the adapter, not with the base. The folder appears whole or not at all.
 * @param adapter a PEFT folder, a `LoraAdapter`, or the generated adapter of a generator
 * @throws DndError SHAPE_MISMATCH for an adapter of another base, before anything is written; UNSUPPORTED_FORMAT for a
 * quantised base; INVALID_WEIGHTS for numbers that are not finite, or that the dtype cannot hold; INVALID_ARGUMENT for
 * an output folder that is the base or the adapter; FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, OUTPUT_EXISTS, DISK_FULL,
 * NOT_WRITABLE; `signal.reason` after an abort
 */
export async function mergeAdapter(adapter: string | GivenAdapter, options: MergeOptions): Promise<MergeReport> {
  const { base, out, force, signal, onProgress } = checkOptions(options, 'options of mergeAdapter');
  checkPath(base, 'the folder of the base');
  checkPath(out, 'the folder to write');
  await refuseInputAsOutput(out, typeof adapter === 'string' ? [base, adapter] : [base]);
  await checkFolderOutput(out, { force, marker: MODEL_MARKER });
  const notes: string[] = [];
  const lora =
    typeof adapter === 'string'
      ? await readPeft(adapter, { signal, onWarning: (warning) => notes.push(warning) })
      : toLoraAdapter(adapter);
  await requireFinite(lora, typeof adapter === 'string' ? adapter : 'the adapter', { signal });
  const folder = await openBaseFolder(base);
  try {
    const targets = mergeTargets(lora, folder, base);
    const bytes = Array.from(folder.weights.tensors.values()).reduce((sum, { byteLength }) => sum + byteLength, 0);
    const report = steadyProgress(onProgress);
    let done = 0;
    await writeFolderAtomically(out, { force, signal, marker: MODEL_MARKER }, async (staging) => {
      for (const name of folder.copied) {
        signal?.throwIfAborted();
        await cp(join(base, name), join(staging, name), { recursive: true, dereference: true }).catch((error) => {
          throw readError(error, join(base, name));
        });
      }
      for (const path of folder.weights.paths)
        await mergeFile(path, join(staging, basename(path)), targets, signal, (written) => {
          done += written;
          report(done / Math.max(bytes, 1));
        });
    });
    return { ...reportOf(base, out, folder, targets.size, bytes), notes };
  } finally {
    await folder.weights.close();
  }
}

function reportOf(
  base: string,
  out: string,
  folder: BaseFolder,
  merged: number,
  bytes: number,
): Omit<MergeReport, 'notes'> {
  const { weights, copied, skipped } = folder;
  const names = weights.paths.map((path) => basename(path));
  return { base, out, merged, tensors: weights.tensors.size, bytes, weights: names, copied, skipped };
}

/** One file of the weights: its header as it is, then its tensors in their order. */
async function mergeFile(
  from: string,
  to: string,
  targets: ReadonlyMap<string, MergeTarget>,
  signal: AbortSignal | undefined,
  onWritten: (bytes: number) => void,
): Promise<void> {
  const file = await SafetensorsFile.open(from);
  try {
    const tensors = [...file.tensors.values()];
    const bytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const header = await headerOf(from, tensors[0]?.byteOffset);
    const write = async (output: OpenFile) => {
      await output.write(header);
      for (const { name } of tensors)
        for await (const piece of piecesOf(file, name, targets.get(name))) {
          signal?.throwIfAborted();
          await output.write(piece);
          onWritten(piece.byteLength);
        }
    };
    // The folder is flushed as a whole.
    await writeFileAtomically(to, write, { signal, durable: false, expectedBytes: header.length + bytes });
  } finally {
    await file.close();
  }
}

/** The bytes before the first tensor; of a file without tensors, all. */
async function headerOf(path: string, length: number | undefined): Promise<Uint8Array> {
  const file = await OpenFile.open(path, 'r');
  try {
    const header = new Uint8Array(length ?? (await file.stat()).size);
    for (let done = 0; done < header.length; ) {
      const count = await file.read(header.subarray(done), done);
      if (count === 0) throw new DndError('CORRUPT_FILE', `${path} became shorter while it was being read`);
      done += count;
    }
    return header;
  } finally {
    await file.close();
  }
}

async function* piecesOf(
  file: SafetensorsFile,
  name: string,
  target: MergeTarget | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  if (target === undefined) {
    for await (const { bytes } of file.chunks(name)) yield bytes;
    return;
  }
  const rowBytes = target.columns * DTYPES[target.dtype].bytes;
  const rowsAtOnce = Math.max(1, Math.floor(MERGE_BYTES / rowBytes));
  const yieldToEventLoop = eventLoopYielder();
  for await (const { elementOffset, bytes } of file.chunks(name, rowsAtOnce * rowBytes)) {
    yield mergeRows(target, bytes, elementOffset / target.columns);
    await yieldToEventLoop();
  }
}
