import { createHash } from 'node:crypto';
import type { GeneratedAdapter } from '../../src/generator/generated-adapter.js';

/** One number for all weights of an adapter, names included. */
export function digestOf({ tensors }: GeneratedAdapter): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of tensors)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}
