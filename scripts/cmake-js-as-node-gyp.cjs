#!/usr/bin/env node
// prebuildify drives its build tool as it would node-gyp: `rebuild --target=… --devdir=… --arch=… --release`.
// cmake-js knows `--arch` and `--debug` by the same names; it would take `--target` for a target of the CMake project,
// and has no use for the rest.
const { spawnSync } = require('node:child_process');
const { dirname, join } = require('node:path');

const understood = process.argv.slice(2).filter((argument) => /^--(arch=.+|debug)$/.test(argument));
const command = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const { status } = spawnSync(process.execPath, [command, 'rebuild', ...understood], { stdio: 'inherit' });
process.exitCode = status ?? 1;
