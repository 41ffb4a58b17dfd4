import { createHash } from 'node:crypto';

/** SHA-256 of the values of the arrays one after the other, as little-endian float32, in hexadecimal. */
export function sha256OfValues(arrays: readonly Float32Array[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}
