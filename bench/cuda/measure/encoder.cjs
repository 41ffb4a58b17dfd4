const { readFile, writeFile } = require('node:fs/promises');
const { basename, join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { parseBertConfig } = require('../../../dist/encoder/bert-config.js');
const { readFloats } = require('../../floats.cjs');
const { flopOf, loadEngine, randomIds, randomModel } = require('../../measure/encoder.cjs');
const { alternate, relativeError } = require('../../statistics.cjs');

const ENOUGH_SECONDS = 10;
const LAYERS = 12; // all-MiniLM-L12-v2
const TOLERANCE = { mixed: 2e-3, fp32: 1e-5 };

/** Token ids → hidden states, padding encoded: 128 prompts × 384 positions, as the 0.5B configuration has them. */
async function measure({ device, peer, encoder, scratch, runs, quick, precision }) {
  const folder = encoder ?? (await randomModel(join(scratch, 'encoder'), quick ? 2 : LAYERS));
  const config = parseBertConfig(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')), folder);
  const [prompts, length] = quick ? [2, 16] : [128, 384];
  const { ids, mask } = randomIds(prompts, length, config.vocabSize);
  const engine = await loadEngine(folder, config, { device: device.use });
  try {
    let states;
    const files = {
      ids: join(scratch, 'ids.i32'),
      mask: join(scratch, 'mask.i32'),
      output: join(scratch, 'states.f32'),
    };
    const rivals = {
      ours: async () => {
        const began = performance.now();
        const how = { prompts, length, window: length, padding: 'encode', pooling: 'none' };
        states = await engine.encode(ids, mask, how);
        return (performance.now() - began) / 1000;
      },
    };
    const request = { ...files, shape: [prompts, length] };
    if (peer) {
      await writeFile(files.ids, ids);
      await writeFile(files.mask, mask);
      await peer.ask('load_encoder', { folder });
      rivals.peer = async () => (await peer.ask('encoder', request)).seconds;
    }
    const figures = await alternate(rivals, { runs, enoughSeconds: ENOUGH_SECONDS });
    const result = {
      model: encoder ? basename(folder) : `random weights, ${config.layers} layers of the shape of MiniLM`,
      prompts,
      length,
      flop: flopOf(config, prompts, length),
      ...figures,
    };
    if (!peer) return result;
    await peer.ask('encoder', { ...request, precision: 'float64', write: true });
    const error = relativeError(states, await readFloats(files.output));
    const tolerance = TOLERANCE[precision];
    const wrong = error <= tolerance ? [] : [`encoder: ${error} relative to float64, over ${tolerance}`];
    return { ...result, error, tolerance, wrong };
  } finally {
    engine.dispose();
    await peer?.ask('forget');
  }
}

module.exports = { measure };
