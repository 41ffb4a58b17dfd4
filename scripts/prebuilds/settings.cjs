// Settings of CMake with which zig builds for a platform of targets.json.
//   node scripts/prebuilds/settings.cjs linux-arm64 "$(scripts/prebuilds/tools.sh)"    prints them, one per line
const { join } = require('node:path');

/** @param target one of targets.json. @param tools the folder that tools.sh prints. */
exports.toolchain = function toolchain({ triple, system, processor }, tools) {
  return [
    `-DCMAKE_TOOLCHAIN_FILE=${join(__dirname, '..', '..', 'cmake', 'zig.cmake')}`,
    '-DCMAKE_BUILD_TYPE=Release',
    `-DDND_TOOLS=${tools}`,
    `-DDND_TRIPLE=${triple}`,
    `-DDND_SYSTEM=${system}`,
    `-DDND_PROCESSOR=${processor}`,
  ];
};

if (require.main === module) {
  const [name, tools] = process.argv.slice(2);
  const target = require('./targets.json')[name];
  process.stdout.write(`${exports.toolchain(target, tools).join('\n')}\n`);
}
