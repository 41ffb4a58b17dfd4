import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addonPath } from '../../../src/engine/index.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { failureOf, load } from './attempts.js';
import { needingGlibc } from './shared-objects.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const folder = useTemporaryFolder();
const PLATFORM = `${process.platform}-${process.arch}`;

/** A copy of the package with these files under prebuilds/; they contain nothing that can be loaded. */
function published(...files: string[]): Record<string, string> {
  for (const file of files) {
    const path = join(folder(), 'prebuilds', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'not a shared object');
  }
  return { DND_LORA_PREBUILD: folder(), DND_CACHE: join(folder(), 'cache') };
}

describe('DND_ADDON', () => {
  test('names the file that is loaded', async () => {
    const environment = { ...published(), DND_ADDON: addonPath() };
    expect(await load(environment)).toEqual({});
  });

  test('is named where the file is not there', async () => {
    const path = join(folder(), 'nothing.node');
    const message = await failureOf({ DND_ADDON: path });
    expect(message).toContain(`Tried:\n  DND_ADDON names ${path}, which is not a file\nWays out:\n  - Build it`);
  });

  test('is not ignored where the file cannot be loaded', async () => {
    const path = join(folder(), 'text.node');
    writeFileSync(path, 'not a shared object at all');
    const message = await failureOf({ DND_ADDON: path, DND_CACHE: folder() });
    expect(message).toContain(`Tried:\n  ${path}: `);
    expect(message).toMatch(/text\.node: (file too short|invalid ELF header|.*not valid|.*slice)/);
  });
});

test('an unsupported platform is told which there are binaries for', async () => {
  const files = published('linux-x64/dnd-lora.glibc.node', 'darwin-arm64/dnd-lora.node');
  const message = await failureOf(files, { platform: 'freebsd', arch: 'riscv64' });
  expect(message).toMatch(/^the native engine could not be loaded on freebsd-riscv64, Node \d+/);
  expect(message).toContain(`${join(folder(), 'prebuilds')}: binaries for darwin-arm64, linux-x64`);
  expect(message).toContain('- Use a platform with a prebuilt binary: darwin-arm64, linux-x64.');
  expect(message).toMatch(/Build it from source: .*"npm install".*C\+\+20 compiler and CMake 3\.24.*DND_ADDON=/s);
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('a package that this user may not read', async () => {
  const files = published(`${PLATFORM}/dnd-lora.glibc.node`);
  chmodSync(folder(), 0o755);
  chmodSync(join(folder(), 'prebuilds'), 0);
  const message = await failureOf(files, { uid: 54321 });
  chmodSync(join(folder(), 'prebuilds'), 0o755);
  expect(message).toContain(`Tried:\n  ${join(folder(), 'prebuilds')}: this user may not read it\nWays out:\n`);
  expect(message).toContain(
    `- Let this user read the package, which another one may have installed: chmod -R a+rX ${folder()}\n`,
  );
  expect(message).not.toContain('Use a platform');
});

onLinux('a system with musl, and no binary for it', async () => {
  const files = published(`${PLATFORM}/dnd-lora.glibc.node`);
  const message = await failureOf({ ...files, LIBC: 'musl' }, { glibc: null });
  expect(message).toMatch(new RegExp(`could not be loaded on ${PLATFORM} with musl, Node`));
  expect(message).toContain(`${join(folder(), 'prebuilds', PLATFORM)}: only dnd-lora.glibc.node`);
  expect(message).toMatch(/- Use a system with glibc, .*node:22-slim.*\n.*node:22-alpine/);
});

onLinux('a system with musl that was taken for one with glibc', async () => {
  const files = published(`${PLATFORM}/dnd-lora.glibc.node`, `${PLATFORM}/dnd-lora.musl.node`);
  const message = await failureOf({ ...files, LIBC: 'glibc' }, { glibc: null });
  expect(message).toContain(`Tried:\n  ${join(folder(), 'prebuilds', PLATFORM, 'dnd-lora.glibc.node')}: `);
  expect(message).toContain('- This system has musl instead of glibc: set LIBC=musl');
});

onLinux('a glibc that is older than a prebuilt binary', async () => {
  const path = join(folder(), 'prebuilds', PLATFORM, 'dnd-lora.glibc.node');
  needingGlibc(path, '2.99');
  const message = await failureOf({ ...published(), LIBC: 'glibc' }, { glibc: '2.17' });
  expect(message).toContain(`could not be loaded on ${PLATFORM} with glibc 2.17, Node`);
  expect(message).toMatch(/dnd-lora\.glibc\.node: .*`GLIBC_2\.99' not found/);
  expect(message).toMatch(
    /- Use a system with glibc 2\.99 or newer \(this one has 2\.17\).*2\.28: Debian 10, Ubuntu 20\.04/,
  );
});

onLinux('a build that was made on a newer system', async () => {
  const path = join(folder(), 'moved.node');
  needingGlibc(path, '2.99');
  const message = await failureOf({ DND_ADDON: path, DND_CACHE: folder() });
  expect(message).toContain(`- Build it again on this system: ${path} was built on a newer one, with GLIBC 2.99.`);
  expect(message).not.toContain('Debian 10');
});

test.each([
  [
    'Electron',
    { electron: '45.5.0' },
    /utility process, not in a renderer.*\n.*asarUnpack: \['\*\*\/node_modules\/dnd-lora\/\*\*'\]/,
  ],
  ['Bun', { bun: '1.4.5' }, /Run it with Node 20\.15 or newer.*\n.*--external/],
])('%s is told what differs in it', async (host, versions: Record<string, string>, advice) => {
  const path = join(folder(), 'text.node');
  writeFileSync(path, 'not a shared object at all');
  const message = await failureOf({ DND_ADDON: path }, { versions });
  expect(message).toContain(`${host} ${Object.values(versions)[0]}.\n`);
  expect(message).toMatch(advice);
});
