import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  parseJsonText,
  type SniffedKind,
  sniff,
  tableConversion,
  whatItIs,
  whatTextIs,
} from '../../src/files/index.js';

const text = (content: string) => Buffer.from(content, 'latin1');
const padded = (content: string, bytes: number) => text(content.padEnd(bytes, '\0'));

const KNOWN: [SniffedKind, Uint8Array][] = [
  ['git-lfs', text('version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 35237104\n')],
  ['git-lfs', Buffer.from('\ufeffversion https://hawser.github.com/spec/v1\noid sha256:0a\nsize 1\n')],
  ['xet', text('# xet version 0\nfilesize = 5\n')],
  ['html', text('<!doctype html><html><head><title>429 Too Many Requests</title></head></html>')],
  ['html', text('\r\n  <!-- cached -->\n<HTML lang="en">')],
  ['xml', text('<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code></Error>')],
  ['pytorch', text(`PK\x03\x04${'\0'.repeat(26)}archive/data.pkl and more`)],
  ['pytorch', text(`PK\x03\x04${'\0'.repeat(26)}data.pkl`)],
  ['zip', text(`PK\x03\x04${'\0'.repeat(26)}word/document.xml`)],
  ['pickle', text('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.')],
  ['gzip', gzipSync('{}')],
  ['zstd', text('\x28\xb5\x2f\xfd\x04\x58')],
  ['gguf', text('GGUF\x03\0\0\0')],
  ['gguf', text('GGUF\0\0\0\x03')],
  ['parquet', text('PAR1\x15\x04\x15')],
  ['numpy', text('\x93NUMPY\x01\0')],
  ['hdf5', text('\x89HDF\r\n\x1a\n')],
  ['tar', text(`${padded('a/', 257).toString('latin1')}ustar\x0000`)],
  ['tar', text(`${padded('a/', 257).toString('latin1')}ustar  \0`)],
  ['safetensors', text('\x40\0\0\0\0\0\0\0{"a":{')],
  ['safetensors', text('\x80\x02\0\0\0\0\0\0{"a":{')],
  ['zeros', Buffer.alloc(4096)],
];

test.each(KNOWN)('%s is recognised by its first bytes: %j', (kind, bytes) => {
  expect(sniff(bytes)?.kind).toBe(kind);
  expect(whatItIs(bytes)).toMatch(/^it is .*\. [A-Z]/);
  expect(whatItIs(bytes, kind)).toBeUndefined();
});

test.each<[SniffedKind, string]>([
  ['gguf', 'Give a model as the base (--base), and convert an adapter with dnd convert'],
  [
    'pytorch',
    'Convert it with dnd convert if it is a checkpoint of the published code, or else save it as safetensors',
  ],
  ['pickle', 'Save it as safetensors'],
  ['parquet', tableConversion('.parquet')],
])('the advice on %s is what is possible', (kind, advice) => {
  const [, bytes] = KNOWN.find(([known]) => known === kind)!;
  expect(whatItIs(bytes)!.endsWith(`. ${advice}`)).toBe(true);
});

test.each([
  '',
  '{}',
  '[1]',
  'GGUF is a file format. What is it for?',
  'PAR1 and PAR2: what do they mean?',
  'version 2 of the question',
  'What does <html> mean?',
  '# xet',
  'PK',
  '\0\0\0',
  // From the 257th byte on, where tar archives say "ustar".
  JSON.stringify({ list: `${'-'.repeat(247)}mustard, salt` }),
])('a text is none of them: %j', (content) => {
  expect(sniff(text(content))).toBeUndefined();
});

describe('in plain text, markup is only something else if it is clearly a page', () => {
  test.each([
    ['an HTML page', '<!DOCTYPE html>\n<p>404'],
    ['an HTML page', '<html>\r\n<head><title>404 Not Found</title></head>'],
    ['an HTML page', '<!-- cached --><html lang="en"><title>Sign in'],
    ['an XML document', '<?xml version="1.0"?>\n<Error><Code>AccessDenied'],
  ])('%s: %j', (what, content) => {
    expect(whatTextIs(text(content))).toMatch(
      new RegExp(`^it is ${what}, .* Download the file again; if its text is meant, write it into JSON Lines`),
    );
  });

  test.each([
    '<html> What does this tag mean?',
    '<body> comes after what?',
    '<head> or <header>?',
    '<!-- a comment --> in HTML?',
    '<?xml version="1.0"?> is what?',
    '<?xml version="1.0"?><note/> has which root?',
  ])('a prompt about it: %j', (content) => {
    expect(whatTextIs(text(content))).toBeUndefined();
  });

  test('and anything else is what it is', () => {
    for (const [kind, bytes] of KNOWN)
      if (kind !== 'html' && kind !== 'xml') expect(whatTextIs(bytes)).toBe(whatItIs(bytes));
  });
});

test('no JSON text is taken for another kind of file, and no bytes make it fail', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(sniff(Buffer.from(json))).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(KNOWN.length - 1), (bytes, index) => {
      sniff(bytes);
      const [, start] = KNOWN[index]!;
      sniff(Buffer.concat([start.subarray(0, bytes.length), bytes]));
    }),
  );
});

test('a JSON text that does not parse says what it is instead', () => {
  expect(() => parseJsonText('version https://git-lfs.github.com/spec/v1\n')).toThrow(
    'it is a Git LFS pointer, not the file itself. Fetch the file with "git lfs pull", or download it',
  );
  expect(() => parseJsonText('<html>')).toThrow('it is an HTML page');
  expect(() => parseJsonText('{"a"')).toThrow(/JSON/);
});
