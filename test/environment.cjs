// jest runs tests in a vm realm with globals of its own; native code and Node's libraries make their
// arrays, errors and promises with those of the process. Sharing them keeps `instanceof` true.
const { TestEnvironment } = require('jest-environment-node');

const SHARED = ['Error', 'TypeError', 'RangeError', 'Promise', 'ArrayBuffer', 'DataView'];
const ARRAYS = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32', 'Float32', 'Float64', 'BigInt64', 'BigUint64'];

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of [...SHARED, ...ARRAYS.map((type) => `${type}Array`)]) this.global[name] = globalThis[name];
  }
};
