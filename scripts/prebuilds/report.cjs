// Writes what the addon of DND_ADDON finds on this processor, and how it compares with golden files:
//   node scripts/prebuilds/report.cjs REPORT.json [GOLDEN FILE…]
// Into a file, because not every Node that runs here, such as one under Wine, can print.
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');

const DIST = join(__dirname, '..', '..', 'dist');
const [report, ...files] = process.argv.slice(2);

(async () => {
  const { cpuInfo } = require(join(DIST, 'engine', 'index.js'));
  const { verify } = require(join(DIST, 'verify', 'verify.js'));
  const result = { cpuInfo: cpuInfo(), verdicts: [] };
  for await (const verdict of verify(files, { device: 'cpu', algorithm: 'auto' })) result.verdicts.push(verdict);
  writeFileSync(report, JSON.stringify(result));
})().catch((error) => {
  writeFileSync(report, JSON.stringify({ error: String(error?.message ?? error) }));
  process.exitCode = 1;
});
