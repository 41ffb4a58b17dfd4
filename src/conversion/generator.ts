import { join } from 'node:path';
import { floatDtype } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { checkFolderOutput, kindOf } from '../files/index.js';
import { parameterCount } from '../generator/decoder-shape.js';
import { Generator } from '../generator/generator.js';
import { MANIFEST_FILE, readManifest } from '../generator/manifest.js';
import { isFileName } from './output-rules.js';
import type { Conversion, ConvertOptions, InputKind, OutputKind } from './types.js';

const OUTPUT: OutputKind = {
  what: 'a generator',
  accepts: ['dtype', 'encoder', 'force'],
  check: (output, force) => checkFolderOutput(output, { force, marker: MANIFEST_FILE }),
};

/** A generator folder becomes another, with its decoder in another dtype; what a run needs to be resumed stays behind. */
export const GENERATOR_FOLDER: InputKind = {
  name: 'generator',
  what: 'a generator folder (generator.json)',
  recognises: async (path) => (await kindOf(join(path, MANIFEST_FILE))) === 'file',
  outputOf(input, output, { dtype = 'f32' }) {
    floatDtype(dtype, 'generators');
    if (!isFileName(output)) return OUTPUT;
    throw new DndError(
      'INVALID_ARGUMENT',
      `${output}: ${input} becomes the folder of a generator, not a file. Choose another name`,
    );
  },
  convert: toGenerator,
};

async function toGenerator(
  input: string,
  output: string,
  { dtype = 'f32', encoder, force, signal, onProgress }: ConvertOptions,
): Promise<Conversion> {
  const generator = await Generator.load(input, { device: 'cpu', encoder, signal });
  try {
    await generator.save(output, {
      ...{ dtype: dtype as 'f32', force, signal },
      onProgress: (fraction) => onProgress?.(fraction),
    });
  } finally {
    generator.dispose();
  }
  const { preset, decoder } = await readManifest(join(output, MANIFEST_FILE));
  const facts = { preset, parameters: parameterCount(decoder), dtype };
  return { input, output, from: 'generator', to: 'generator', facts, notes: [] };
}
