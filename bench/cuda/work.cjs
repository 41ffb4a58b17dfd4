const { sum } = require('../statistics.cjs');

const NUMBER_BYTES = { mixed: 2, fp32: 4 };

/**
 * Bytes that a planned convolution moves from and to memory if no cache helps: input, tile spectra (written and read),
 * weight spectra, product (written and read), output; taps instead where it is direct.
 * @param {object} convolution of planCudaDecoder
 * @param {'mixed' | 'fp32'} precision
 */
function movedBytes({ channels, outputChannels, tiling, bytes }, precision) {
  const ends = bytes.input + bytes.output;
  if (tiling === null) return ends + bytes.weights;
  const numbers = 2 * tiling.frequencies;
  const tileSpectra = numbers * tiling.tiles * roundUp(channels, 8) * NUMBER_BYTES[precision];
  const weightSpectra = numbers * outputChannels * roundUp(channels, 8) * NUMBER_BYTES[precision];
  const product = numbers * tiling.tiles * roundUp(outputChannels, 4) * 4;
  return ends + 2 * tileSpectra + weightSpectra + 2 * product;
}

const roundUp = (value, multiple) => Math.ceil(value / multiple) * multiple;

/** Operations and bytes of convolutions together. */
function workOf(convolutions, precision) {
  return {
    executedFlop: sum(convolutions.map(({ executedFlop }) => executedFlop)),
    directFlop: sum(convolutions.map(({ directFlop }) => directFlop)),
    movedBytes: sum(convolutions.map((each) => movedBytes(each, precision))),
  };
}

module.exports = { movedBytes, workOf };
