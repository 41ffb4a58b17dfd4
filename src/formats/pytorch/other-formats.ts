import { DndError } from '../../errors.js';
import { sniff, whatItIs } from '../../files/index.js';
import { corrupt, SAVE_AGAIN, unsupported } from './errors.js';

/** A pickle of the integer with which torch.save began its files before PyTorch 1.6. */
const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
/** Of every zip archive with entries. */
const ZIP_MAGIC = Buffer.from('PK\x03\x04', 'latin1');
const PICKLE_PROTOCOL = 0x80;
const NEWEST_PROTOCOL = 5;

/** Whether a file's first bytes are those of a zip archive, as all that torch.save writes since PyTorch 1.6. */
export function looksLikeZip(head: Uint8Array): boolean {
  return startsWith(head, ZIP_MAGIC);
}

/** Whether they are those of anything that torch.save or pickle ever wrote. */
export function looksLikePytorch(head: Uint8Array): boolean {
  return looksLikeZip(head) || isPickle(head);
}

function isPickle(head: Uint8Array): boolean {
  return head[0] === PICKLE_PROTOCOL && head[1]! >= 2 && head[1]! <= NEWEST_PROTOCOL;
}

function startsWith(bytes: Uint8Array, magic: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, magic.length), magic) === 0;
}

/**
 * Names the older formats of PyTorch.
 * @param head the first 1024 bytes of the file, or all of them
 * @throws DndError UNSUPPORTED_FORMAT, or CORRUPT_FILE for what is not a zip archive
 */
export function refuseOtherFormats(head: Uint8Array, path: string): void {
  if (looksLikeZip(head)) return;
  const fix = `Save it again with PyTorch 1.6 or newer: ${SAVE_AGAIN}`;
  if (startsWith(head, LEGACY_MAGIC)) {
    throw unsupported(path, 'it is in the format that torch.save wrote before PyTorch 1.6, a pickle without zip', fix);
  }
  if (sniff(head)?.kind === 'tar') {
    throw unsupported(path, 'it is a tar archive, as torch.save wrote them before PyTorch 0.1.10', fix);
  }
  if (isPickle(head)) {
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${path}: it is a bare pickle, which torch.save does not write; a pickle can run any code, so it is not read. ` +
        'Save its tensors with torch.save',
    );
  }
  throw corrupt(path, head.length === 0 ? 'it is empty' : (whatItIs(head) ?? 'it does not begin as a zip archive'));
}
