/** Bytes of a safetensors file with any header, right or wrong. */
export function fileBytes(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  return rawFileBytes(Buffer.from(json), data);
}

export function rawFileBytes(header: Uint8Array, data: Uint8Array = new Uint8Array()): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}
