import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPT = join(__dirname, '..', '..', 'scripts', 'build.cjs');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnd-tools-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** A program that prints a version and, when asked to compile, exits with `status`. */
function tool(name: string, version: string, status = 0): void {
  program(name, `case "$1" in --version) echo "${version}";; *) exit ${status};; esac`);
}

function build(environment: Record<string, string> = {}, option = '--native') {
  const env = { ...environment, PATH: folder };
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, option], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('on a bare machine the build names everything that is missing, with the commands that install it', () => {
  const { status, stdout, stderr } = build();
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('A C++20 compiler is missing: none of c++, g++, clang++ was found');
  expect(stderr).toContain('CMake 3.24 or newer is missing: cmake was not found');
  expect(stderr).toContain('make (or ninja) is missing');
  for (const command of ['sudo apt-get install g++', 'sudo dnf install gcc-c++', 'brew install cmake']) {
    expect(stderr).toContain(command);
  }
});

test('an installed tool is not reported missing', () => {
  tool('c++', 'c++ 12.2.0');
  tool('make', 'GNU Make 4.3');
  const { status, stderr } = build();
  expect(status).toBe(1);
  expect(stderr).toContain('CMake 3.24 or newer is missing');
  expect(stderr).not.toMatch(/compiler is missing|make \(or ninja\)/);
});

test('a compiler without C++20 and an old CMake are named with their versions', () => {
  tool('g++', 'g++ (GCC) 7.3.1', 1);
  tool('cmake', 'cmake version 3.16.3');
  tool('ninja', '1.11');
  const { stderr } = build();
  expect(stderr).toContain('g++ (g++ (GCC) 7.3.1) cannot compile C++20');
  expect(stderr).toContain('CMake 3.24 or newer is missing: found cmake version 3.16.3');
});

test('CXX is the only compiler that counts when it is set', () => {
  tool('c++', 'c++ 12.2.0');
  expect(build({ CXX: 'icpx' }).stderr).toContain('A C++20 compiler is missing: none of icpx was found');
});

describe('the emulated CUDA device', () => {
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trimEnd().split('\n');

  beforeEach(() => {
    tool('c++', 'c++ 12.2.0');
    tool('make', 'GNU Make 4.3');
    const answer =
      'if [ "$1" = --version ]; then echo cmake version 3.25.1; else echo "$CMAKE_GENERATOR $@" >> "$PATH/calls"; fi';
    program('cmake', answer);
  });

  test('is built where its tests look for it', () => {
    expect(build({}, '--emulated-cuda')).toMatchObject({ status: 0, stderr: '' });
    const plain = join(__dirname, '..', '..', 'build-native', 'plain');
    expect(calls()).toEqual([
      expect.stringContaining(`-B ${plain} -DCMAKE_BUILD_TYPE=Release -DDND_CUDA_TESTS=ON`),
      ` --build ${plain} --target dnd_cuda_emulated`,
    ]);
  });

  test('is built by ninja where there is no make', () => {
    rmSync(join(folder, 'make'));
    tool('ninja', '1.11');
    expect(build({}, '--emulated-cuda')).toMatchObject({ status: 0 });
    expect(calls()[0]).toMatch(/^Ninja /);
  });

  test('is not built where another library is named', () => {
    expect(build({ DND_EMULATED_CUDA_LIBRARY: '/elsewhere.so' }, '--emulated-cuda')).toMatchObject({ status: 0 });
    expect(calls).toThrow('no such file');
  });
});

test('an unknown option is refused with the usage', () => {
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, '--fast'], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain('unknown option --fast; usage: node scripts/build.cjs [--native | --emulated-cuda]');
});
