const { movedBytes, workOf } = require('./work.cjs');

const KIND = 'dnd-lora CUDA plan';
const VERSION = 1;

/** all-MiniLM-L12-v2, which every published configuration was trained with. */
const ENCODER = { name: 'all-MiniLM-L12-v2', layers: 12, hiddenSize: 384, heads: 12, intermediateSize: 1536 };
const ENCODER_WINDOW = 512;
/** Of a PCIe 4.0 × 16 bus, from device to page-locked memory. */
const BUS_BYTES_PER_SECOND = 22e9;

/**
 * What a device model is predicted to need for each configuration: no device is needed, and nothing is measured.
 * @param {object} engine dist/engine: planCudaDecoder, planCudaEncoder, cudaDeviceModels
 * @param {{ configurations: object[], model: string, precision: 'mixed' | 'fp32', batches: number[] }} options
 */
function plannedResults(engine, { configurations, model, precision, batches }) {
  return {
    kind: KIND,
    version: VERSION,
    measured: false,
    model: engine.cudaDeviceModels().find(({ name }) => name === model),
    precision,
    encoder: ENCODER.name,
    configurations: configurations.map((configuration) => ({
      name: configuration.name,
      features: configuration.features,
      kernelSize: configuration.kernelSize,
      batches: batches.map((batch) => planned(engine, { configuration, model, precision, batch })),
    })),
  };
}

/** One configuration and batch; `leftOut` where it does not fit into the device's memory. */
function planned(engine, { configuration, model, precision, batch }) {
  const { features, kernelSize } = configuration;
  const row = { name: `batch ${batch}`, batch };
  let plan;
  try {
    plan = engine.planCudaDecoder({ features, kernelSize, batch, deviceModel: model, precision });
  } catch (error) {
    if (error.code !== 'OUT_OF_MEMORY') throw error;
    return { ...row, leftOut: error.message };
  }
  const encoder = encoded(engine, { configuration, model, precision, batch });
  const [tokens, height, width] = features.at(-1);
  return {
    ...row,
    seconds: {
      encode: encoder.seconds,
      decode: plan.seconds,
      fetch: (4 * batch * tokens * height * width) / BUS_BYTES_PER_SECOND,
    },
    parts: plan.parts,
    deviceBytes: plan.bytes,
    ...workOf(plan.convolutions, precision),
    convolutions: plan.convolutions.map((each) => ({
      name: `${each.layer} ${each.weight.replace('linear1.', '')}`,
      channels: each.channels,
      outputChannels: each.outputChannels,
      picture: [each.sizeI, each.sizeJ],
      algorithm: each.algorithm,
      tilePoints: each.tiling && [each.tiling.pointsI, each.tiling.pointsJ],
      spectraHeld: each.spectraHeld,
      seconds: each.predicted.seconds,
      executedFlop: each.executedFlop,
      movedBytes: movedBytes(each, precision),
    })),
  };
}

/** All positions of all windows: no two of them equal. */
function encoded(engine, { configuration: { features, maxLength }, model, precision, batch }) {
  const length = Math.min(maxLength, ENCODER_WINDOW);
  const sequences = (batch * features[0][0] * maxLength) / length;
  const { layers, hiddenSize, heads, intermediateSize } = ENCODER;
  const shape = { layers, hiddenSize, heads, intermediateSize, sequences, length };
  return engine.planCudaEncoder({ deviceModel: model, precision, ...shape });
}

module.exports = { plannedResults };
