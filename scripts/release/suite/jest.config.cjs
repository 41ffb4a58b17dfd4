// The test suite against the package in DND_TEST_PACKAGE. What tests the repository and not the package is left out.
const { join } = require('node:path');

const ROOT = join(__dirname, '..', '..', '..');
const own = require('../../../jest.config.cjs');
const REPOSITORY = ['architecture', 'bench', 'examples', 'interop', 'native', 'release', 'worlds'];

/** @type {import('jest').Config} */
module.exports = {
  ...own,
  rootDir: ROOT,
  resolver: join(__dirname, 'resolver.cjs'),
  testPathIgnorePatterns: [
    '/node_modules/',
    ...REPOSITORY.map((name) => `<rootDir>/test/${name}/`),
    '<rootDir>/test/engine/build.test.ts',
    '<rootDir>/test/engine/loading/bundle.test.ts',
  ],
};
