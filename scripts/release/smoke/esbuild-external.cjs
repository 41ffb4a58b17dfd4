// Bundles make-adapter.cjs with dnd-lora left out, as ADDON_UNAVAILABLE advises: node esbuild-external.cjs ESBUILD OUTPUT
const [esbuild, outfile] = process.argv.slice(2);
require(esbuild).buildSync({
  ...{ entryPoints: [require.resolve('./make-adapter.cjs')], outfile },
  ...{ bundle: true, platform: 'node', external: ['dnd-lora'] },
});
