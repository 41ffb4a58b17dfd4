import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeUtf8, readJson, readText } from '../../src/files/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function fileOf(content: string | Uint8Array): Promise<string> {
  const path = join(folder(), 'a.txt');
  await writeFile(path, content);
  return path;
}

test('text is read as UTF-8, without its byte order mark', async () => {
  expect(await readText(await fileOf('\ufeffgrüße\r\n'), 'prompt file')).toBe('grüße\r\n');
});

test('a file that is not UTF-8 is refused with the line that is not', async () => {
  const path = await fileOf(Buffer.concat([Buffer.from('one\ntwo\n'), Buffer.from([0x67, 0xfc, 0x0a])]));
  await expect(readText(path, 'prompt file', { invalidCode: 'INVALID_PROMPTS' })).rejects.toMatchObject({
    code: 'INVALID_PROMPTS',
    message: expect.stringMatching(/prompt file .*a\.txt is not UTF-8 text: line 3 /),
  });
});

test('a character that is cut off at the end of the file is not UTF-8', () => {
  const bytes = Buffer.from('a\nü').subarray(0, 3);
  expect(() => decodeUtf8(bytes, 'standard input')).toThrow('standard input is not UTF-8 text: line 2 ');
});

test('UTF-16 is recognised and named', async () => {
  const path = await fileOf(Buffer.from('\ufeffhello', 'utf16le'));
  await expect(readText(path, 'prompt file')).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('it looks like UTF-16; save it as UTF-8'),
  });
});

test('a missing file, a folder and a file inside a file are different from a corrupt one', async () => {
  await expect(readText(join(folder(), 'none'), 'prompt file')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(readText(folder(), 'prompt file')).rejects.toMatchObject({
    code: 'READ_FAILED',
    message: expect.stringContaining('it is a folder'),
  });
  const file = await fileOf('text');
  await expect(readJson(join(file, 'inner'))).rejects.toMatchObject({ code: 'READ_FAILED' });
});

test('JSON that is none is a corrupt file', async () => {
  expect(await readJson(await fileOf('{"a":[1]}'))).toEqual({ a: [1] });
  const path = await fileOf('{"a":');
  await expect(readJson(path)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(`${path} is not valid JSON`),
  });
});
