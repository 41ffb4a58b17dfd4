import { tableConversion } from './tables.js';

export type SniffedKind =
  | 'git-lfs'
  | 'xet'
  | 'html'
  | 'xml'
  | 'pytorch'
  | 'zip'
  | 'pickle'
  | 'gzip'
  | 'zstd'
  | 'gguf'
  | 'parquet'
  | 'numpy'
  | 'hdf5'
  | 'tar'
  | 'safetensors'
  | 'zeros';

/** What a file is instead of what was expected. */
export interface Sniffed {
  kind: SniffedKind;
  /** With its article: "a Git LFS pointer". */
  what: string;
  /** What to do, as an imperative. */
  advice: string;
}

/** Enough for every signature below; more of a file is never looked at. */
export const SNIFFED_BYTES = 1024;

const DOWNLOAD_AGAIN = 'download the file again';
const DOWNLOAD_OR_QUOTE = `${DOWNLOAD_AGAIN}; if its text is meant, write it into JSON Lines (.jsonl)`;
const COMMENT = String.raw`(?:<!--[\s\S]*?-->\s*)?`;
const HTML_START = new RegExp(String.raw`^\s*${COMMENT}<(?:!doctype\s+html|html|head|body)\b`, 'i');
const HTML_PAGE = new RegExp(String.raw`^\s*${COMMENT}<(?:!doctype\s+html\b|html\b[\s\S]*<(?:head|title)\b)`, 'i');
const XML_START = /^\s*<\?xml\b/i;
/** Error messages of stores, pages and feeds, by their first element. */
const XML_PAGE = /^\s*<\?xml\b[^>]*\?>\s*<(?:error|!doctype|html|rss|feed)\b/i;
const CONVERT = 'save it as safetensors';
const CONVERT_PYTORCH =
  'convert it with dnd convert if it is a checkpoint of the published code, or else save it as safetensors';

const TAR_MAGIC_OFFSET = 257;

type Matches = (bytes: Uint8Array, text: string) => boolean;

interface Signature extends Sniffed {
  matches: Matches;
  /** In place of the above in plain text, where markup may be what is asked about. */
  inText?: { matches: Matches; advice: string };
}

const startsWith =
  (...start: number[]) =>
  (bytes: Uint8Array) =>
    start.every((byte, index) => bytes[index] === byte);
const startsWithText = (start: string) => (_: Uint8Array, text: string) => text.startsWith(start);

const ZIP = startsWith(0x50, 0x4b, 0x03, 0x04);
/** torch.save of today: a zip archive whose first member is the pickle. */
const PYTORCH_MEMBER = /^.{30}[^\0]{0,200}data\.pkl/s;

/** The first that matches counts. None can begin JSON, and but for HTML and XML none can begin a text. */
const SIGNATURES: readonly Signature[] = [
  {
    kind: 'git-lfs',
    what: 'a Git LFS pointer, not the file itself',
    advice: 'Fetch the file with "git lfs pull", or download it',
    matches: (_, text) => /^version https:\/\/(?:git-lfs|hawser)\.github\.com\/spec\//.test(text),
  },
  {
    kind: 'xet',
    what: 'a Xet pointer, not the file itself',
    advice: 'Fetch the file with "git xet", or download it',
    matches: startsWithText('# xet version '),
  },
  {
    kind: 'html',
    what: 'an HTML page, such as an error page in place of a download',
    advice: DOWNLOAD_AGAIN,
    matches: (_, text) => HTML_START.test(text),
    inText: { matches: (_, text) => HTML_PAGE.test(text), advice: DOWNLOAD_OR_QUOTE },
  },
  {
    kind: 'xml',
    what: 'an XML document, such as an error message in place of a download',
    advice: DOWNLOAD_AGAIN,
    matches: (_, text) => XML_START.test(text),
    inText: { matches: (_, text) => XML_PAGE.test(text), advice: DOWNLOAD_OR_QUOTE },
  },
  {
    kind: 'pytorch',
    what: 'a PyTorch archive (zip and pickle)',
    advice: CONVERT_PYTORCH,
    matches: (bytes, text) => ZIP(bytes) && PYTORCH_MEMBER.test(text),
  },
  { kind: 'zip', what: 'a zip archive', advice: 'unpack it', matches: ZIP },
  {
    kind: 'pickle',
    what: 'a Python pickle, as old versions of PyTorch write',
    advice: CONVERT,
    matches: (bytes) => bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5 && !startsAsSafetensors(bytes),
  },
  { kind: 'gzip', what: 'gzip-compressed', advice: 'unpack it with gunzip', matches: startsWith(0x1f, 0x8b) },
  {
    kind: 'zstd',
    what: 'zstd-compressed',
    advice: 'unpack it with zstd -d',
    matches: startsWith(0x28, 0xb5, 0x2f, 0xfd),
  },
  {
    kind: 'gguf',
    what: 'a GGUF file',
    advice: 'Give a model as the base (--base), and convert an adapter with dnd convert',
    matches: (bytes, text) => text.startsWith('GGUF') && isVersion(bytes.subarray(4, 8)),
  },
  {
    kind: 'parquet',
    what: 'a Parquet file',
    advice: tableConversion('.parquet'),
    // Parquet's first page header follows; text does not contain this byte.
    matches: startsWithText('PAR1\x15'),
  },
  { kind: 'numpy', what: 'a NumPy array', advice: CONVERT, matches: startsWith(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59) },
  { kind: 'hdf5', what: 'an HDF5 file', advice: CONVERT, matches: startsWith(0x89, 0x48, 0x44, 0x46) },
  {
    kind: 'tar',
    what: 'a tar archive',
    advice: 'unpack it',
    // By POSIX, and by GNU tar; text, where "mustard" may stand at that place, has no zero there.
    matches: (_, text) => ['ustar\0', 'ustar  \0'].some((magic) => text.startsWith(magic, TAR_MAGIC_OFFSET)),
  },
  {
    kind: 'safetensors',
    what: 'a safetensors file',
    advice: 'give it where safetensors files are read',
    matches: startsAsSafetensors,
  },
  {
    kind: 'zeros',
    what: 'nothing but zeros at its start, as an interrupted download or copy leaves',
    advice: DOWNLOAD_AGAIN,
    matches: (bytes) => bytes.length >= 16 && bytes.every((byte) => byte === 0),
  },
];

/** GGUF's version is a small number, in either byte order; a text that begins with "GGUF" continues with letters. */
function isVersion(bytes: Uint8Array): boolean {
  return bytes.length === 4 && bytes.filter((byte) => byte !== 0).length === 1 && bytes.every((byte) => byte < 16);
}

/** A header length below 2³², then its JSON. */
function startsAsSafetensors(bytes: Uint8Array): boolean {
  return bytes.length > 9 && bytes.subarray(4, 8).every((byte) => byte === 0) && bytes[8] === 0x7b;
}

/**
 * Recognises what is often found in place of a file. For error messages: call it once a file does not parse, or before
 * reading a format in which everything parses (plain text).
 * @param bytes the start of the file; SNIFFED_BYTES are looked at
 * @param plainText whether everything parses: then markup counts only if it is clearly a whole page
 * @returns undefined for anything else
 */
export function sniff(bytes: Uint8Array, plainText = false): Sniffed | undefined {
  const start = bytes.subarray(0, SNIFFED_BYTES);
  const marked = startsWith(0xef, 0xbb, 0xbf)(start) ? start.subarray(3) : start;
  const text = Buffer.from(marked.buffer, marked.byteOffset, marked.length).toString('latin1');
  for (const { kind, what, matches, advice, inText } of SIGNATURES) {
    const own = (plainText ? inText : undefined) ?? { matches, advice };
    if (own.matches(marked, text)) return { kind, what, advice: own.advice };
  }
  return undefined;
}

/**
 * "it is a Git LFS pointer, not the file itself. Fetch the file …", for the end of a message.
 * @param expected what the file should be, which is no news
 * @returns undefined as `sniff`
 */
export function whatItIs(start: Uint8Array | string, expected?: SniffedKind): string | undefined {
  const found = sniff(typeof start === 'string' ? Buffer.from(start.slice(0, SNIFFED_BYTES)) : start);
  return found === undefined || found.kind === expected ? undefined : sentence(found);
}

/** As `whatItIs`, before reading a format in which everything parses. */
export function whatTextIs(start: Uint8Array): string | undefined {
  const found = sniff(start, true);
  return found && sentence(found);
}

function sentence({ what, advice }: Sniffed): string {
  return `it is ${what}. ${advice[0]!.toUpperCase()}${advice.slice(1)}`;
}
