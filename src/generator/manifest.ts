import { AdapterLayout } from '../adapter/index.js';
import {
  CAUSAL_MODEL_TYPES,
  type EncoderIdentity,
  isCausal,
  MODEL_TYPES,
  type Padding,
  type Pooling,
  WORD_VECTORS,
} from '../encoder/index.js';
import { readJson } from '../files/index.js';
import { Fields } from '../validation/index.js';
import { checkDecoderShape, type DecoderShape, LARGEST_AXIS } from './decoder-shape.js';
import { checkFit } from './fit.js';
import {
  type AdapterSettings,
  type ConditionSettings,
  FORMAT_VERSION,
  type GeneratorManifest,
  type TrainingProvenance,
} from './manifest-types.js';

export {
  type AdapterSettings,
  type ConditionSettings,
  FORMAT_VERSION,
  type GeneratorManifest,
  type TrainingProvenance,
};

export const MANIFEST_FILE = 'generator.json';

export const PADDINGS: readonly Padding[] = ['encode', 'zero'];
export const POOLINGS: readonly Pooling[] = ['none', 'mean', 'cls'];

/** @throws DndError FILE_NOT_FOUND, CORRUPT_FILE, NEWER_FORMAT, SHAPE_MISMATCH */
export async function readManifest(path: string): Promise<GeneratorManifest> {
  return parseManifest(await readJson(path), path);
}

/**
 * The text of `generator.json`, checked as on reading, so that nothing is written that cannot be loaded.
 * @throws DndError as `parseManifest`
 */
export function manifestText(manifest: GeneratorManifest, source: string): string {
  parseManifest(manifest, source);
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * Checks every field of `generator.json`. Unknown fields are ignored: a change of meaning raises the format version.
 * @throws DndError CORRUPT_FILE, NEWER_FORMAT, SHAPE_MISMATCH
 */
export function parseManifest(json: unknown, source: string): GeneratorManifest {
  const fields = new Fields(json, source);
  fields.checkFormatVersion(FORMAT_VERSION, 'generator');
  const adapter = fields.section('adapter');
  const layout = AdapterLayout.fromJSON({ ...adapter.all, base: fields.raw('base') }, `${source}: adapter`);
  const encoder = parseEncoder(fields.section('encoder'));
  const condition = parseCondition(fields.section('condition'));
  const basis = parseBasis(adapter, layout);
  const manifest: GeneratorManifest = {
    formatVersion: formatVersionOf(layout, encoder, condition, basis),
    createdBy: fields.text('createdBy'),
    preset: fields.textOrNull('preset'),
    base: layout.base!,
    encoder,
    condition,
    decoder: parseDecoder(fields.section('decoder')),
    adapter: {
      ...adapterSettings(
        layout,
        adapter.positiveNumber('alpha'),
        adapter.boolean('useRslora'),
        adapter.raw('normalisationSha256') === undefined ? undefined : adapter.text('normalisationSha256'),
      ),
      ...basis,
    },
    training: parseTraining(fields.section('training')),
  };
  checkFit(manifest, layout, source);
  return manifest;
}

/** The adapter layout that the decoder fills. */
export function layoutOf({ base, adapter }: Pick<GeneratorManifest, 'base' | 'adapter'>): AdapterLayout {
  return new AdapterLayout({ base, ...adapter });
}

export function formatVersionOf(
  { normalisation }: AdapterLayout,
  { type }: EncoderIdentity,
  { components }: ConditionSettings,
  { basis }: Pick<AdapterSettings, 'basis'>,
): GeneratorManifest['formatVersion'] {
  if (basis !== undefined) return FORMAT_VERSION;
  if (components !== undefined) return 4;
  if (type !== 'bert' && type !== 'hash') return 3;
  return normalisation === 'chunk' ? 1 : 2;
}

/** @param normalisationSha256 of the layout's mean adapter and scales, once there are any */
export function adapterSettings(
  layout: AdapterLayout,
  alpha: number,
  useRslora: boolean,
  normalisationSha256 = layout.residual?.sha256,
): AdapterSettings {
  const { rank, modules, chunk, layersPath, normalisation } = layout.toJSON();
  const settings = { rank, alpha, useRslora, modules, chunk, layersPath };
  if (normalisation === undefined) return settings;
  return { ...settings, normalisation, ...(normalisationSha256 === undefined ? {} : { normalisationSha256 }) };
}

function parseBasis(fields: Fields, { normalisation }: AdapterLayout): Pick<AdapterSettings, 'basis' | 'basisSha256'> {
  if (fields.raw('basis') === undefined) return {};
  if (normalisation !== 'residual') throw fields.invalid('basis', "no basis with the normalisation 'chunk'");
  return {
    basis: fields.wholeNumber('basis', 1, LARGEST_AXIS),
    ...(fields.raw('basisSha256') === undefined ? {} : { basisSha256: fields.text('basisSha256') }),
  };
}

function parseEncoder(fields: Fields): EncoderIdentity {
  const type = fields.oneOf('type', ['hash', WORD_VECTORS, ...MODEL_TYPES, ...CAUSAL_MODEL_TYPES]);
  const channels = fields.wholeNumber('channels', 1);
  if (type === 'hash') return { type, channels };
  return {
    type,
    name: fields.text('name'),
    channels,
    ...(isCausal(type) ? { layer: fields.wholeNumber('layer', 1) } : {}),
    weightsSha256: fields.text('weightsSha256'),
    tokenizerSha256: fields.text('tokenizerSha256'),
  };
}

function parseCondition(fields: Fields): ConditionSettings {
  const settings = {
    maxLength: fields.wholeNumber('maxLength', 1),
    padding: fields.oneOf('padding', PADDINGS),
    pooling: fields.oneOf('pooling', POOLINGS),
  };
  if (fields.raw('components') === undefined) return settings;
  return {
    ...settings,
    components: fields.wholeNumber('components', 1),
    ...(fields.raw('componentsSha256') === undefined ? {} : { componentsSha256: fields.text('componentsSha256') }),
  };
}

function parseDecoder(fields: Fields): DecoderShape {
  const shape = {
    features: fields.raw('features'),
    kernelSize: fields.raw('kernelSize'),
    projectedFrom: fields.raw('projectedFrom'),
  };
  return checkDecoderShape(shape, `${fields.source}: ${fields.path}`, 'CORRUPT_FILE');
}

function parseTraining(fields: Fields): TrainingProvenance {
  const own = { trained: fields.boolean('trained'), seed: fields.wholeNumber('seed', 0) };
  if (fields.raw('steps') === undefined) return own;
  return {
    ...own,
    steps: fields.wholeNumber('steps', 0),
    form: fields.text('form'),
    tasks: fields.texts('tasks'),
    heldOutTasks: fields.texts('heldOutTasks'),
    pairsDigest: fields.text('pairsDigest'),
  };
}
