import { checkFolderName, checkPath } from '../../src/validation/path';

const WRONG = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

test('a path is any text that is not empty', () => {
  for (const path of ['.', '..', '/', 'a/b', ' ', 'ünï']) expect(checkPath(path, 'the folder')).toBe(path);
});

test.each([[''], ['a\0b'], [undefined], [null], [7], [{}], [['a']]])('%j is not a path', (path) => {
  expect(() => checkPath(path, 'the folder')).toThrow(WRONG);
});

test('an empty path fails with the name of the working folder', () => {
  expect(() => checkPath('', 'the folder')).toThrow('"." is the working folder');
});

test('a name of a folder may have dots and spaces', () => {
  for (const name of ['...', '..a', '.hidden', 'a b', 'con', 'a:b', 'ünï'])
    expect(checkFolderName(name, 'the name', 'linux')).toBe(name);
});

test.each([[''], [' '], ['.'], ['..'], ['a/b'], ['/a'], ['a\\b'], ['..\\a'], ['a\0'], [undefined], [3]])(
  '%j is not the name of a folder inside another',
  (name) => {
    expect(() => checkFolderName(name, 'the name', 'linux')).toThrow(WRONG);
  },
);

test.each([['CON'], ['nul.txt'], ['com1'], ['a:b'], ['a?'], ['a.'], ['a ']])(
  '%j is not the name of a folder on Windows',
  (name) => {
    expect(() => checkFolderName(name, 'the name', 'win32')).toThrow(WRONG);
  },
);
