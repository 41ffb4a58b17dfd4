import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const { checkFiles, checkNoInstallScripts, checkPaths, checkSize } = require('../../scripts/release/contents.cjs') as {
  checkFiles(files: { path: string }[], description: object): string[];
  checkNoInstallScripts(description: object, hasBindingGyp: boolean): string[];
  checkPaths(path: string, text: string, folders: string[]): string[];
  checkSize(bytes: number): string[];
};
const { checkLicences, notices } = require('../../scripts/release/licences.cjs') as {
  checkLicences(components: object[]): string[];
  notices(root: string): string;
};
const description = require('../../package.json');

const NEEDED = [
  ...['LICENSE', 'README.md', 'THIRD_PARTY_NOTICES.md', 'package.json', 'pocket/pocket.json'],
  ...['dist/index.js', 'dist/index.d.ts', 'dist/esm.mjs', 'dist/esm.d.mts', 'dist/cli/main.js'],
  ...['dist/language.js', 'dist/language.d.ts', 'dist/language.mjs', 'dist/language.d.mts'],
  ...['index.js', 'index.d.ts', 'esm.mjs', 'esm.d.mts'].map((name) => `dist/training/${name}`),
  'prebuilds/linux-x64/dnd-lora.glibc.node',
];
const found = (paths: string[]) =>
  checkFiles(
    paths.map((path) => ({ path })),
    description,
  );

test('a tarball with what the package needs has no problem', () => {
  expect(
    found([...NEEDED, 'pages/training.css', 'pocket/tasks/a-b/prompts.json', 'prebuilds/win32-x64/dnd-lora.node']),
  ).toEqual([]);
});

test.each([
  ...['src/index.ts', 'dist/index.js.map', 'binding.gyp', '.env', 'dist/.env', 'prebuilds/linux-x64/libdnd_cuda.so'],
  ...[
    'prebuilds/linux-x64/other.node',
    'prebuilds/win32-x64/dnd-lora.musl.node',
    'pocket/notes.md',
    'build/Release/dnd_lora.node',
  ],
])('%s must not be packed', (path) => {
  expect(found([...NEEDED, path])).toEqual([`${path} must not be packed`]);
});

test.each(['dist/esm.d.mts', 'dist/cli/main.js', 'THIRD_PARTY_NOTICES.md'])('%s must be packed', (path) => {
  expect(found(NEEDED.filter((each) => each !== path))).toEqual([`${path} is missing`]);
});

test('a tarball without a binary is of no use', () => {
  expect(found(NEEDED.filter((path) => !path.endsWith('.node')))).toEqual(['prebuilds/ has no binary']);
});

test('the size has a limit', () => {
  expect(checkSize(15e6)).toEqual([]);
  expect(checkSize(15.2e6)).toEqual(['the tarball has 15.2 MB; at most 15.0 MB are allowed']);
});

test('this package runs nothing where it is installed', () => {
  expect(checkNoInstallScripts(description, existsSync(join(ROOT, 'binding.gyp')))).toEqual([]);
});

test.each(['preinstall', 'install', 'postinstall'])('a script %s is found', (name) => {
  expect(checkNoInstallScripts({ scripts: { [name]: 'node x' } }, false)).toEqual([
    `package.json has a script ${name}`,
  ]);
});

test('binding.gyp is found', () => {
  expect(checkNoInstallScripts({}, true)).toEqual([
    expect.stringMatching(/^binding\.gyp is there, for which npm runs node-gyp/),
  ]);
});

test.each([
  ['a folder of this machine', 'at /builds/dnd/native/core/a.cc:7', '/builds/dnd'],
  ['a home folder', '\0/home/somebody/zig/lib\0', '/home/somebody'],
  ['one of macOS', '"file:///Users/somebody/x"', '/Users/somebody'],
  ['one of Windows', 'C:\\Users\\somebody\\x', 'C:\\Users\\somebody'],
  ["root's", 'in /root/work', '/root/work'],
])('%s in a packed file is found', (_what, text, folder) => {
  expect(checkPaths('dist/a.js', text, ['/builds/dnd'])).toEqual([`dist/a.js names the folder ${folder}`]);
});

test.each(['https://example.org/home/page', '/proc/self/cgroup', 'a/root/file', '~/home/x'])(
  '%s is no such folder',
  (text) => {
    expect(checkPaths('dist/a.js', text, ['/builds/dnd'])).toEqual([]);
  },
);

test('licences of dependencies are those of the list', () => {
  const mit = { name: 'a', version: '1.0.0', licenses: [{ license: { id: 'MIT' } }] };
  const gpl = { name: 'b', version: '2.0.0', licenses: [{ license: { id: 'GPL-3.0' } }] };
  const either = { name: 'c', version: '3.0.0', licenses: [{ expression: 'GPL-3.0 OR MIT' }] };
  const none = { name: 'd', version: '4.0.0' };
  const problems = checkLicences([mit, gpl, either, none]);
  expect(problems).toHaveLength(3);
  expect(problems[0]).toMatch(/^b 2\.0\.0: the licence GPL-3\.0 is not in the list of Apache-2\.0, MIT/);
  expect(problems[1]).toMatch(/^c 3\.0\.0: the licence GPL-3\.0 OR MIT/);
  expect(problems[2]).toMatch(/^d 4\.0\.0: the licence is not given/);
});

test('the notices have the licence of what is compiled into the binaries', () => {
  expect(notices(ROOT)).toMatch(
    /## node-addon-api\n\nMIT: .*\n\n```\nThe MIT License.*Copyright \(c\) 2017.*Node\.js API collaborators/s,
  );
});
