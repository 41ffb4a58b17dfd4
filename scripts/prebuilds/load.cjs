// Loads an addon and prints what it finds on this processor, as JSON: node scripts/prebuilds/load.cjs FILE
const loaded = { exports: {} };
process.dlopen(loaded, process.argv[2]);
process.stdout.write(`${JSON.stringify(loaded.exports.cpuInfo())}\n`);
