// The file of the package in DND_TEST_PACKAGE that was built from a source file; any other path as it is.
const { join, sep } = require('node:path');

const SOURCES = join(__dirname, '..', 'src') + sep;
const folder = process.env.DND_TEST_PACKAGE;

exports.inPackage = function inPackage(path) {
  if (!folder || !path.startsWith(SOURCES)) return path;
  return join(folder, 'dist', path.slice(SOURCES.length).replace(/ts$/, 'js'));
};
