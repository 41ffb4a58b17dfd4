import { crc32 } from 'node:zlib';

export interface ZipPart {
  name: string;
  data: Uint8Array;
  /** Wrong on purpose, of both headers unless stated otherwise. */
  method?: number;
  flags?: number;
  crc?: number;
  /** Size that both headers claim after decompression. */
  claims?: number;
  /** Of the local header alone. */
  localName?: string;
}

export interface ZipOptions {
  /** Write every size and offset as zip64 records. */
  zip64?: boolean;
  comment?: string;
}

const IN_ZIP64 = 0xffffffff;

function localHeader(part: ZipPart, name: Buffer): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(part.flags ?? 0, 6);
  header.writeUInt16LE(part.method ?? 0, 8);
  header.writeUInt32LE(part.crc ?? crc32(part.data), 14);
  header.writeUInt32LE(part.data.length, 18);
  header.writeUInt32LE(part.claims ?? part.data.length, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, name]);
}

function wide(...values: number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), 8 * index);
  return bytes;
}

export function directoryEntry(part: ZipPart, offset: number, zip64 = false, bytes = part.data.length): Buffer {
  const name = Buffer.from(part.name);
  const claims = part.claims ?? bytes;
  const extra = zip64 ? Buffer.concat([Buffer.from([1, 0, 24, 0]), wide(claims, bytes, offset)]) : Buffer.alloc(0);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(part.flags ?? 0, 8);
  entry.writeUInt16LE(part.method ?? 0, 10);
  entry.writeUInt32LE(part.crc ?? crc32(part.data), 16);
  entry.writeUInt32LE(zip64 ? IN_ZIP64 : bytes, 20);
  entry.writeUInt32LE(zip64 ? IN_ZIP64 : claims, 24);
  entry.writeUInt16LE(name.length, 28);
  entry.writeUInt16LE(extra.length, 30);
  entry.writeUInt32LE(zip64 ? IN_ZIP64 : offset, 42);
  return Buffer.concat([entry, name, extra]);
}

export function endRecords(
  entries: number,
  bytes: number,
  offset: number,
  { zip64, comment = '' }: ZipOptions,
): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(zip64 ? 0xffff : entries, 8);
  end.writeUInt16LE(zip64 ? 0xffff : entries, 10);
  end.writeUInt32LE(zip64 ? IN_ZIP64 : bytes, 12);
  end.writeUInt32LE(zip64 ? IN_ZIP64 : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  if (!zip64) return Buffer.concat([end, Buffer.from(comment)]);
  const wideEnd = Buffer.alloc(56);
  wideEnd.writeUInt32LE(0x06064b50, 0);
  wideEnd.writeBigUInt64LE(44n, 4);
  wide(entries, entries, bytes, offset).copy(wideEnd, 24);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([wideEnd, locator, end, Buffer.from(comment)]);
}

/** A zip archive of stored entries, right or wrong. */
export function zipBytes(parts: readonly ZipPart[], options: ZipOptions = {}): Buffer {
  const pieces: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const header = localHeader(part, Buffer.from(part.localName ?? part.name));
    entries.push(directoryEntry(part, offset, options.zip64));
    pieces.push(header, Buffer.from(part.data));
    offset += header.length + part.data.length;
  }
  const directory = Buffer.concat(entries);
  return Buffer.concat([...pieces, directory, endRecords(parts.length, directory.length, offset, options)]);
}
