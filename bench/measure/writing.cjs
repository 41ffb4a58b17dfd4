const { rm } = require('node:fs/promises');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { AdapterLayout, baseModelFromConfig, LoraAdapter, writePeft } = require('../../dist/adapter/index.js');
const { repeatedNormals } = require('../random.cjs');
const { alternate } = require('../statistics.cjs');

const ENOUGH_SECONDS = 10;

async function seconds(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** Weight tokens → tensors, and tensors → a PEFT folder in BF16 on the disk; the peer's safetensors writes the same file. */
async function measure({ configuration, peer, scratch, runs }) {
  const base = baseModelFromConfig(configuration.base, 'the benchmark');
  const layout = new AdapterLayout({ base, rank: configuration.rank, chunk: configuration.chunk });
  const tokens = repeatedNormals(layout.size, 2);
  const config = { alpha: 2 * configuration.rank };
  const adapter = await LoraAdapter.fromTokens(layout, tokens, config);
  const tensors = layout.tensors.map(({ name, shape }) => ({ name, shape }));
  const bytes = tensors.reduce((sum, { shape }) => sum + 2 * shape[0] * shape[1], 0);

  const limits = { runs, enoughSeconds: ENOUGH_SECONDS };
  const restore = await alternate(
    { ours: () => seconds(() => LoraAdapter.fromTokens(layout, tokens, config)) },
    limits,
  );
  const folder = join(scratch, 'adapter');
  const rivals = {
    ours: async () => {
      await rm(folder, { recursive: true, force: true });
      return seconds(() => writePeft(folder, adapter, { dtype: 'BF16' }));
    },
  };
  if (peer)
    rivals.peer = async () => (await peer.ask('write', { tensors, path: join(scratch, 'peer.safetensors') })).seconds;
  return { tensors: tensors.length, bytes, restore, write: await alternate(rivals, limits) };
}

module.exports = { measure };
