import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TYPESCRIPT } from '../engine/child.js';

jest.setTimeout(120_000);

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux(
  'workers that are terminated while they load leave no file open (on Linux, where /proc lists them)',
  async () => {
    const program = join(__dirname, 'programs', 'terminated-loads.ts');
    const generator = join(__dirname, '../fixtures/generator/format-1');
    const { stdout } = await promisify(execFile)(process.execPath, [...TYPESCRIPT, program], {
      env: { ...process.env, DND_TEST_GENERATOR: generator },
    });
    expect(JSON.parse(stdout)).toEqual({ leaked: 0 });
  },
);
