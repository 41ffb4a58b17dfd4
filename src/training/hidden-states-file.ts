import { createHash } from 'node:crypto';
import { eventLoopYielder } from '../async/index.js';
import { OpenFile, writeFileAtomically } from '../files/index.js';

/** A cache file of one encoded prompt: its hidden states without trailing zeros. */

const MAGIC = Buffer.from('dndstat1');
const DIGEST_BYTES = 32;
/** Magic, size of the hidden states in bytes, and their SHA-256. */
const HEADER_BYTES = MAGIC.length + 8 + DIGEST_BYTES;
/** Takes less than a millisecond to hash. */
const PIECE_BYTES = 2 ** 19;

async function digestOf(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Buffer> {
  const yieldToEventLoop = eventLoopYielder();
  const hash = createHash('sha256');
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    hash.update(bytes.subarray(start, start + PIECE_BYTES));
  }
  return hash.digest();
}

export function bytesOnDisk(hiddenStates: Float32Array): number {
  return HEADER_BYTES + hiddenStates.byteLength;
}

/**
 * Written atomically, but without flushing: damage from a power loss is detected on reading. Errors: as
 * `writeFileAtomically`.
 */
export async function writeStates(
  path: string,
  hiddenStates: Float32Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bytes = new Uint8Array(hiddenStates.buffer, hiddenStates.byteOffset, hiddenStates.byteLength);
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeBigUInt64LE(BigInt(bytes.length), MAGIC.length);
  (await digestOf(bytes, signal)).copy(header, HEADER_BYTES - DIGEST_BYTES);
  const write = async (file: OpenFile) => {
    await file.write(header);
    await file.write(bytes);
  };
  await writeFileAtomically(path, write, { signal, durable: false });
}

/** Undefined if the file is missing or damaged. */
export async function readStates(
  path: string,
  mostElements: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer> | undefined> {
  const file = await OpenFile.open(path, 'r').catch(() => undefined);
  if (!file) return undefined;
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const bytesRead = await file.read(header, 0);
    if (bytesRead < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
    const length = Number(header.readBigUInt64LE(MAGIC.length));
    const { size } = await file.stat();
    const element = Float32Array.BYTES_PER_ELEMENT;
    if (length % element !== 0 || length > mostElements * element || size !== HEADER_BYTES + length) return undefined;
    const hiddenStates = new Float32Array(length / element);
    const bytes = new Uint8Array(hiddenStates.buffer);
    for (let done = 0; done < length; ) {
      signal?.throwIfAborted();
      const read = await file.read(bytes.subarray(done), HEADER_BYTES + done);
      if (read === 0) return undefined;
      done += read;
    }
    const expected = header.subarray(HEADER_BYTES - DIGEST_BYTES);
    return (await digestOf(bytes, signal)).equals(expected) ? hiddenStates : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof RangeError) throw error;
    return undefined;
  } finally {
    await file.close();
  }
}
