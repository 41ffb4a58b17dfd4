import type { GeneratorManifest } from './manifest-types.js';

/** For people: `16 prompts of 24 tokens, padding zero, pooling none, 64 whitened principal components`. */
export function describedCondition({ condition, decoder }: Pick<GeneratorManifest, 'condition' | 'decoder'>): string {
  const { maxLength, padding, pooling, components } = condition;
  const projected = components === undefined ? '' : `, ${components} whitened principal components`;
  return `${decoder.features[0]![0]} prompts of ${maxLength} tokens, padding ${padding}, pooling ${pooling}${projected}`;
}
