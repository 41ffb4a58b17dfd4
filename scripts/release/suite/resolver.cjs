// jest's own resolution, after which the package in DND_TEST_PACKAGE stands for the sources.
const { inPackage } = require('../../../test/in-package.cjs');

module.exports = (request, options) => inPackage(options.defaultResolver(request, options));
