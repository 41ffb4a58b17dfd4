#!/usr/bin/env node
// Makes docs/gpu/README.md out of the results and the list of kernels beside it; --check only says whether it is up to date.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { renderReadme, writeReadme } = require('./gpu/readme.cjs');

const ROOT = join(__dirname, '..');
const page = join(ROOT, 'docs', 'gpu', 'README.md');

if (!process.argv.includes('--check')) writeReadme(ROOT);
else if (!existsSync(page) || readFileSync(page, 'utf8') !== renderReadme(ROOT)) {
  process.stderr.write('docs/gpu/README.md is not that of the results and kernels: node scripts/gpu-readme.cjs\n');
  process.exitCode = 1;
}
