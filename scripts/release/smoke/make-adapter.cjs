// Run where dnd-lora is installed: an adapter by the pocket generator, by require and by import. Prints JSON.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { Generator } = require('dnd-lora');

async function main() {
  const home = dirname(require.resolve('dnd-lora/package.json'));
  const imported = await import('dnd-lora');
  const training = await import('dnd-lora/training');
  const { readPeft } = require('dnd-lora/language');
  const generator = await Generator.load(join(home, 'pocket', 'generator'), { device: 'cpu' });
  try {
    const adapter = await generator.generate(['Who is glad about the king?', 'Where did the captain go?'], { seed: 1 });
    await adapter.save('adapter', { force: true });
  } finally {
    generator.dispose();
  }
  const { config } = await readPeft('adapter');
  const sha256 = createHash('sha256').update(readFileSync('adapter/adapter_model.safetensors')).digest('hex');
  const sameClasses = imported.Generator === Generator && training.DndError === imported.DndError;
  console.log(JSON.stringify({ sameClasses, rank: config.rank, sha256 }));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
