// One adapter, with require: node examples/commonjs.cjs [generator] [folder]
// By default by the pocket generator, which the package contains.
const { dirname, join } = require('node:path');
const { Generator } = require('dnd-lora');

const home = dirname(require.resolve('dnd-lora/package.json'));
const [path = join(home, 'pocket', 'generator'), out = 'example-output/commonjs'] = process.argv.slice(2);

async function main() {
  const generator = await Generator.load(path);
  try {
    const adapter = await generator.generate(['Who is glad about the king?', 'Who is proud of the queen?'], {
      seed: 0,
    });
    await adapter.save(out, { force: true });
    console.log(`${out}: ${adapter.report.adapter.tensors} tensors, norm ${adapter.report.adapter.norm.toFixed(2)}`);
  } finally {
    generator.dispose();
  }
}

main().catch((error) => {
  console.error(error.message); // a DndError also has a `code`
  process.exitCode = 1;
});
