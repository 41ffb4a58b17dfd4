import type { DecoderShape, Feature } from './decoder-shape.js';

export interface ParameterShape {
  name: string;
  shape: number[];
}

/** Of a decoder layer, below `decoder.module_list.{i}.`: names as in the published implementation. */
export function layerParameters(before: Feature, after: Feature, kernelSize: number): ParameterShape[] {
  const [tokensBefore, heightBefore, widthBefore] = before;
  const [tokens, height, width] = after;
  const taps = [kernelSize, kernelSize];
  return [
    { name: 'linear1.norm.weight', shape: [heightBefore, widthBefore] },
    { name: 'linear1.norm.bias', shape: [heightBefore, widthBefore] },
    { name: 'linear1.bias', shape: [height, width] },
    { name: 'linear1.conv1w.weight', shape: [width, widthBefore, ...taps] },
    { name: 'linear1.conv1h.weight', shape: [height, heightBefore, ...taps] },
    { name: 'linear1.conv2w.weight', shape: [width, widthBefore, ...taps] },
    { name: 'linear1.conv2h.weight', shape: [height, heightBefore, ...taps] },
    { name: 'linear2.weight', shape: [tokens, tokensBefore, ...taps] },
    { name: 'linear2.bias', shape: [tokens] },
  ];
}

/** All parameters of a decoder, as the engine names and orders them. */
export function decoderParameters({ features, kernelSize, projectedFrom }: DecoderShape): ParameterShape[] {
  const layers = features.slice(1).flatMap((after, layer) =>
    layerParameters(features[layer]!, after, kernelSize).map(({ name, shape }) => ({
      name: `${layerPrefix(layer)}${name}`,
      shape,
    })),
  );
  const length = features[0]![1];
  return projectedFrom === 0
    ? layers
    : [
        ...layers,
        { name: 'down_proj.weight', shape: [length, projectedFrom] },
        { name: 'down_proj.bias', shape: [length] },
        { name: 'gate_proj.weight', shape: [length, length] },
        { name: 'gate_proj.bias', shape: [length] },
      ];
}

export function layerPrefix(layer: number): string {
  return `decoder.module_list.${layer}.`;
}
