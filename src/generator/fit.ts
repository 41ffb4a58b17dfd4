import type { AdapterLayout } from '../adapter/index.js';
import { isCausal } from '../encoder/index.js';
import { DndError } from '../errors.js';
import { basisFeature, conditionShape, type Feature, tokenShape } from './decoder-shape.js';
import type { GeneratorManifest } from './manifest-types.js';

/**
 * Checks that the parts of a generator fit each other: text encoder → condition → decoder → adapter layout.
 * @throws DndError SHAPE_MISMATCH that names both sides and what to change; `source` is the message's prefix
 */
export function checkFit(manifest: GeneratorManifest, layout: AdapterLayout, source: string): void {
  if (manifest.condition.components === undefined) checkChannels(manifest, source);
  else checkComponents(manifest, manifest.condition.components, source);
  checkLength(manifest, source);
  checkCausal(manifest, source);
  checkTokens(manifest, layout, source);
}

function checkChannels({ encoder, decoder }: GeneratorManifest, source: string): void {
  const channels = decoder.features[0]![2];
  if (encoder.channels === channels) return;
  throw new DndError(
    'SHAPE_MISMATCH',
    `${source}: the text encoder has ${encoder.channels} channels and features[0] = ${shown(decoder.features[0]!)} requires ${channels}. ` +
      `Set the last number of features[0] to ${encoder.channels}, or choose another encoder`,
  );
}

function checkComponents(
  { encoder, condition: { padding, pooling }, decoder }: GeneratorManifest,
  components: number,
  source: string,
): void {
  const refuse = (what: string) => new DndError('SHAPE_MISMATCH', `${source}: ${what}`);
  if (components > encoder.channels)
    throw refuse(
      `the text encoder has ${encoder.channels} channels; expected at most as many principal components (conditionComponents), got ${components}. ` +
        'Lower them, or choose another encoder',
    );
  const feature = decoder.features[0]!;
  if (feature[2] !== components)
    throw refuse(
      `${components} principal components (conditionComponents) give conditions of ${components} channels, and features[0] = ${shown(feature)} requires ${feature[2]}. ` +
        `Set the last number of features[0] to ${components}, or conditionComponents to ${feature[2]}`,
    );
  if (padding === 'encode' && pooling === 'none')
    throw refuse(
      "principal components (conditionComponents) are those of tokens, and padding positions become zeros; expected the padding 'zero', got 'encode'. " +
        'Omit the padding, or set it to zero',
    );
}

/** What only encoders that see the whole prompt have. */
function checkCausal({ encoder, condition: { padding, pooling } }: GeneratorManifest, source: string): void {
  if (!isCausal(encoder.type)) return;
  const refuse = (what: string) =>
    new DndError(
      'SHAPE_MISMATCH',
      `${source}: a text encoder of type ${encoder.type} is decoder-only and has no hidden state${what}`,
    );
  if (padding === 'encode' && pooling === 'none') throw refuse('s of padding: set the padding to zero');
  if (pooling === 'cls')
    throw refuse(' of the whole prompt at its first token, which sees itself alone: set the pooling to mean or none');
}

function checkLength({ condition, decoder }: GeneratorManifest, source: string): void {
  const [, length] = conditionShape(decoder);
  const given = condition.pooling === 'none' ? condition.maxLength : 1;
  if (length === given) return;
  const what =
    condition.pooling === 'none'
      ? `a maxLength of ${given} gives conditions of that length`
      : `pooling '${condition.pooling}' gives conditions of length 1`;
  throw new DndError(
    'SHAPE_MISMATCH',
    `${source}: ${what}, and the decoder takes ${length} (features[0] = ${shown(decoder.features[0]!)}): ` +
      `make the second number of features[0] ${given}${condition.pooling === 'none' ? ', or maxLength at least as large as it' : ''}`,
  );
}

function checkTokens(manifest: GeneratorManifest, layout: AdapterLayout, source: string): void {
  const { basis } = manifest.adapter;
  const expected: Feature =
    basis === undefined ? [layout.tokenCount, layout.tokenHeight, layout.tokenWidth] : basisFeature(basis);
  const given = tokenShape(manifest.decoder);
  if (expected.every((size, axis) => size === given[axis])) return;
  if (basis !== undefined)
    throw new DndError(
      'SHAPE_MISMATCH',
      `${source}: a basis of ${basis} directions has as many coefficients; expected features that end with ${shown(expected)}, got ${shown(given)}. ` +
        `Make the last entry of features [${expected.join(', ')}], or change basis`,
    );
  const { base, adapter, preset } = manifest;
  const decoder = preset ? `the preset ${preset} decodes` : 'the features end with';
  throw new DndError(
    'SHAPE_MISMATCH',
    `${source}: ${decoder} (tokens, height, width) = ${shown(given)}, and ${base.name ?? 'the base model'} (${base.modelType}, ${base.layers} layers) ` +
      `with rank ${adapter.rank}, chunk ${adapter.chunk}${layout.normalisation === 'chunk' ? '' : `, normalisation ${layout.normalisation}`} and modules ${adapter.modules.join(', ')} has ${shown(expected)}: ` +
      (preset
        ? 'take the base model, rank, chunk and modules of the preset, or give features and a kernel size instead'
        : `make the last entry of features [${expected.join(', ')}], or change rank, chunk or modules`),
  );
}

function shown(feature: Feature): string {
  return `(${feature.join(', ')})`;
}
