// jest runs tests in a vm realm with globals of its own; native code and Node's libraries make their
// arrays, errors and promises with those of the process. Sharing them keeps `instanceof` true.
const { TestEnvironment } = require('jest-environment-node');

const SHARED = /^(Error|TypeError|RangeError|Promise|ArrayBuffer|DataView|\w+\d(Clamped)?Array)$/;

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      if (SHARED.test(name)) this.global[name] = globalThis[name];
    }
  }
};
