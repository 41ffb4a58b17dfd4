import { DndError } from '../errors.js';
import { checkFolderOutput } from '../files/index.js';
import { isPytorch } from '../formats/pytorch/index.js';
import { parameterCount, tokenShape } from '../generator/decoder-shape.js';
import { described } from '../generator/encoder-folder.js';
import { MANIFEST_FILE } from '../generator/manifest.js';
import { convertCheckpoint } from './checkpoint.js';
import { convertImportance } from './importance.js';
import { checkNewFile, isFileName } from './output-rules.js';
import { refuseFileOfAdapter, refuseLoraFile } from './refuse-adapters.js';
import type { Conversion, ConvertOptions, InputKind, OutputKind } from './types.js';

const SAFETENSORS = /\.safetensors$/i;

/** Whether an output of this name is to be the token importance of a checkpoint. */
export function isImportanceName(output: string): boolean {
  return SAFETENSORS.test(output);
}

/** The published code's checkpoints become generators, and its token importance a safetensors file. */
export const PUBLISHED: InputKind = {
  name: 'dnd',
  what: 'a checkpoint or token importance of the published code (.pth, .pt)',
  recognises: async (path) => SAFETENSORS.test(path) || (await isPytorch(path)),
  async outputOf(input, output) {
    await refuseFileOfAdapter(input);
    if (isImportanceName(output)) return IMPORTANCE;
    if (!isFileName(output)) return GENERATOR;
    await refuseLoraFile(input);
    throw new DndError(
      'INVALID_ARGUMENT',
      `${output}: ${input} becomes the folder of a generator, or a file named .safetensors of its token importance; expected one of these. Choose another name`,
    );
  },
  convert: (input, output, options) =>
    isImportanceName(output) ? toImportance(input, output, options) : toGenerator(input, output, options),
};

const IMPORTANCE: OutputKind = {
  what: 'a file of token importance, in float32',
  accepts: ['force'],
  check: checkNewFile,
};

const GENERATOR: OutputKind = {
  what: 'a generator',
  accepts: ['base', 'dtype', 'preset', 'encoder', 'rank', 'alpha', 'chunk', 'force'],
  check: (output, force) => checkFolderOutput(output, { force, marker: MANIFEST_FILE }),
};

async function toImportance(input: string, output: string, options: ConvertOptions): Promise<Conversion> {
  const { tokens, mean } = await convertImportance(input, output, options);
  return { input, output, from: 'criterion_weight', to: 'importance', facts: { tokens, mean }, notes: [] };
}

async function toGenerator(input: string, output: string, options: ConvertOptions): Promise<Conversion> {
  const { base, encoder } = options;
  if (base === undefined || encoder === undefined) {
    await refuseLoraFile(input);
    throw new DndError(
      'INVALID_ARGUMENT',
      `${input}: a checkpoint says nothing of its base model and text encoder; give them (--base, --encoder), or an output named .safetensors for its token importance alone`,
    );
  }
  const { manifest, notices } = await convertCheckpoint(input, output, { ...options, base, encoder });
  const { preset, decoder, adapter } = manifest;
  const facts = {
    preset,
    baseModel: manifest.base.name,
    encoder: described(manifest.encoder),
    parameters: parameterCount(decoder),
    features: decoder.features.map((feature) => `(${feature.join(', ')})`).join(' '),
    kernelSize: decoder.kernelSize,
    maxLength: manifest.condition.maxLength,
    weightTokens: tokenShape(decoder)[0],
    rank: adapter.rank,
    alpha: adapter.alpha,
    chunk: adapter.chunk,
  };
  return { input, output, from: 'checkpoint', to: 'generator', facts, notes: notices };
}
