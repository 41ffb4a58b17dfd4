// Lets plain Node run the TypeScript sources, for tests that need a process or a worker thread of their own:
// node --require test/engine/typescript.cjs program.ts
// With DND_TEST_PACKAGE, the folder of an installed package, that package stands for the sources (scripts/release/test-tarball.cjs).
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { transformSync } = require('@swc/core');
const { inPackage } = require('../in-package.cjs');

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  const fromTypeScript = /^\..*\.js$/.test(request) && parent?.filename?.endsWith('.ts');
  return inPackage(
    resolveFilename.call(this, fromTypeScript ? request.replace(/js$/, 'ts') : request, parent, ...rest),
  );
};

Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
  });
  module._compile(code, filename);
};
