import type { Feature } from '../../src/engine/index.js';

/** A dense tensor [tokens, height, width] in float64. */
export interface Tensor {
  shape: Feature;
  at(token: number, height: number, width: number): number;
}

type Parameters = ReadonlyMap<string, ArrayLike<number>>;

/**
 * One hyper-convolution layer by its definition, in float64 and with seven nested loops: x̂ = LayerNorm(x),
 * A = convH(convW(x̂)), P = tanh(convW(convH(x̂))), s = (A + P + bias) / 3, y = convN(s) + bias (+ x where shapes agree).
 */
export function hyperconvolutionLayer(
  x: Tensor,
  to: Feature,
  kernelSize: number,
  layer: number,
  parameters: Parameters,
): Tensor {
  const parameter = (name: string) => parameters.get(`decoder.module_list.${layer}.${name}`)!;
  const weights = (name: string) => parameter(`${name}.weight`);
  const [tokens, height, width] = to;
  const normalised = layerNorm(x, parameter('linear1.norm.weight'), parameter('linear1.norm.bias'));
  const widthFirst = convolveHeight(
    convolveWidth(normalised, width, kernelSize, weights('linear1.conv1w')),
    height,
    kernelSize,
    weights('linear1.conv1h'),
  );
  const heightFirst = convolveWidth(
    convolveHeight(normalised, height, kernelSize, weights('linear1.conv2h')),
    width,
    kernelSize,
    weights('linear1.conv2w'),
  );
  const bias = parameter('linear1.bias');
  const sum = tabulate([x.shape[0], height, width], (n, h, w) => {
    return (widthFirst.at(n, h, w) + Math.tanh(heightFirst.at(n, h, w)) + bias[h * width + w]!) / 3;
  });
  const mixed = convolveTokens(sum, tokens, kernelSize, weights('linear2'));
  const tokenBias = parameter('linear2.bias');
  const residual = x.shape.every((size, axis) => size === to[axis]);
  return tabulate(to, (n, h, w) => mixed.at(n, h, w) + tokenBias[n]! + (residual ? x.at(n, h, w) : 0));
}

export function tensorOf(shape: Feature, values: ArrayLike<number>, offset = 0): Tensor {
  const [tokens, height, width] = shape;
  return {
    shape,
    at(n, h, w) {
      const inside = n >= 0 && n < tokens && h >= 0 && h < height && w >= 0 && w < width;
      return inside ? values[offset + (n * height + h) * width + w]! : 0;
    },
  };
}

export function valuesOf({ shape: [tokens, height, width], at }: Tensor): number[] {
  const values: number[] = [];
  for (let n = 0; n < tokens; n++)
    for (let h = 0; h < height; h++) for (let w = 0; w < width; w++) values.push(at(n, h, w));
  return values;
}

function tabulate(shape: Feature, value: Tensor['at']): Tensor {
  return tensorOf(shape, Float64Array.from(valuesOf({ shape, at: value })));
}

function layerNorm(x: Tensor, weight: ArrayLike<number>, bias: ArrayLike<number>): Tensor {
  const [, height, width] = x.shape;
  const count = height * width;
  return tabulate(x.shape, (n, h, w) => {
    let mean = 0;
    let variance = 0;
    for (let i = 0; i < count; i++) mean += x.at(n, Math.floor(i / width), i % width) / count;
    for (let i = 0; i < count; i++) variance += (x.at(n, Math.floor(i / width), i % width) - mean) ** 2 / count;
    return ((x.at(n, h, w) - mean) / Math.sqrt(variance + 1e-5)) * weight[h * width + w]! + bias[h * width + w]!;
  });
}

/** Σ over input channels and taps of a [out, in, k, k] weight; `sample(channel, i, j)` reads the input at a tap's offset. */
function convolved(
  out: number,
  channels: number,
  kernelSize: number,
  weight: ArrayLike<number>,
  sample: (channel: number, i: number, j: number) => number,
): number {
  const middle = (kernelSize - 1) / 2;
  let sum = 0;
  for (let channel = 0; channel < channels; channel++)
    for (let i = 0; i < kernelSize; i++)
      for (let j = 0; j < kernelSize; j++)
        sum +=
          weight[((out * channels + channel) * kernelSize + i) * kernelSize + j]! *
          sample(channel, i - middle, j - middle);
  return sum;
}

function convolveWidth(x: Tensor, width: number, k: number, weight: ArrayLike<number>): Tensor {
  const [tokens, height, channels] = x.shape;
  return tabulate([tokens, height, width], (n, h, w) =>
    convolved(w, channels, k, weight, (channel, i, j) => x.at(n + j, h + i, channel)),
  );
}

function convolveHeight(x: Tensor, height: number, k: number, weight: ArrayLike<number>): Tensor {
  const [tokens, channels, width] = x.shape;
  return tabulate([tokens, height, width], (n, h, w) =>
    convolved(h, channels, k, weight, (channel, i, j) => x.at(n + i, channel, w + j)),
  );
}

function convolveTokens(x: Tensor, tokens: number, k: number, weight: ArrayLike<number>): Tensor {
  const [channels, height, width] = x.shape;
  return tabulate([tokens, height, width], (n, h, w) =>
    convolved(n, channels, k, weight, (channel, i, j) => x.at(channel, h + i, w + j)),
  );
}
