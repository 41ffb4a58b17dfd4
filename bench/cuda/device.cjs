/**
 * The first CUDA device, if it can be used.
 * @param {object} engine dist/engine
 * @returns {Promise<{ use: object, about: object, model: string } | { missing: string }>} `use` as engines take it; `model`
 *   whose rates it is planned with
 */
async function findDevice(engine, precision) {
  try {
    const use = await engine.selectDevice({ device: 'cuda', ...(precision === 'fp32' && { precision }) });
    const { devices } = await engine.deviceInfo();
    const about = devices[use.ordinal];
    return { use, about, model: engine.cudaDeviceModelOf(about) };
  } catch (error) {
    if (error.code !== 'DEVICE_UNAVAILABLE') throw error;
    return { missing: error.message };
  }
}

module.exports = { findDevice };
