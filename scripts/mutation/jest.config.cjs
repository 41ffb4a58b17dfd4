// The tests that the mutations of scripts/mutation/stryker.config.json are judged by.
const { join } = require('node:path');
const ROOT = join(__dirname, '..', '..');
const own = require('../../jest.config.cjs');

/** @type {import('jest').Config} */
module.exports = {
  ...own,
  rootDir: ROOT,
  testEnvironment: join(ROOT, 'test', 'environment.cjs'), // Stryker wraps it, and knows no <rootDir>
  roots: ['adapter', 'formats', 'prompts'].map((name) => `<rootDir>/test/${name}`),
  maxWorkers: 1,
  // Thousands of mutated files take a minute for each mutation, and say that nothing crashes, not what is right.
  testPathIgnorePatterns: [...own.testPathIgnorePatterns, '-fuzz\\.test\\.ts$'],
};
