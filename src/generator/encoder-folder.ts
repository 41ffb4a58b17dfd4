import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  copiesOf,
  type EncoderIdentity,
  findWordVectors,
  isCausalFolder,
  isEncoderDescription,
  type LoadTextEncoderOptions,
  loadTextEncoder,
  type TextEncoder,
} from '../encoder/index.js';
import { DndError } from '../errors.js';
import { exists, readError } from '../files/index.js';

/** The folder of the text encoder inside a generator folder. */
export const ENCODER_FOLDER = 'encoder';

/** Its weights; other files in its folder (other frameworks' weights, read-me files) are not copied. */
const WEIGHTS = /^model.*\.safetensors(?:\.index\.json)?$/;
/** Read only where there is no other file of weights; the parts only where there is no whole. */
const PYTORCH_WEIGHTS = [/^pytorch_model\.bin$/, /^pytorch_model.*\.bin(?:\.index\.json)?$/];

export async function copyEncoderFiles(from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(to, { recursive: true });
  const wordVectors = await findWordVectors(from);
  for (const [file, name] of wordVectors === undefined ? [] : copiesOf(wordVectors)) {
    signal?.throwIfAborted();
    await copyFile(file, join(to, name)).catch((error) => {
      throw readError(error, file);
    });
  }
  if (wordVectors !== undefined) return;
  const names = await readdir(from).catch((error) => {
    throw readError(error, from);
  });
  const files = names.filter((name) => isEncoderDescription(name) || WEIGHTS.test(name));
  if (!files.some((name) => name.includes('.safetensors'))) {
    const pattern = PYTORCH_WEIGHTS.find((one) => names.some((name) => one.test(name)));
    files.push(...names.filter((name) => pattern?.test(name)));
  }
  for (const name of files) {
    signal?.throwIfAborted();
    await copyFile(join(from, name), join(to, name));
  }
}

/**
 * The text encoder inside a generator folder.
 * @throws DndError FILE_NOT_FOUND for a generator that was stored without it, as in npm packages
 */
export async function encoderInside(folder: string, { type, name }: EncoderIdentity): Promise<string> {
  if (type === 'hash') return 'hash';
  const inside = join(folder, ENCODER_FOLDER);
  if (await exists(inside)) return inside;
  const which = name === undefined ? '' : `, ${name}`;
  throw new DndError(
    'FILE_NOT_FOUND',
    `the generator ${folder} is stored without its text encoder${which}: ${inside} does not exist. Give the folder of the encoder ` +
      '(encoder; on the command line --encoder, which also takes hf:<owner>/<name>)',
  );
}

/**
 * Loads the text encoder that a generator names.
 * @param source folder of the encoder, or 'hash'
 * @throws DndError ENCODER_MISMATCH if it is a different encoder
 */
export async function loadNamedEncoder(
  source: string,
  expected: EncoderIdentity,
  { threads, signal, device }: Pick<LoadTextEncoderOptions, 'threads' | 'signal' | 'device'>,
): Promise<TextEncoder> {
  const encoder = await loadTextEncoder(source, {
    threads,
    signal,
    device,
    channels: expected.channels,
    // Another encoder is refused for what it is, below.
    layer: expected.layer !== undefined && (await isCausalFolder(source)) ? expected.layer : undefined,
  });
  if (sameIdentity(encoder.identity, expected)) return encoder;
  encoder.dispose();
  throw new DndError(
    'ENCODER_MISMATCH',
    `the generator was made with ${described(expected)}, and ${source} is ${described(encoder.identity)}: ` +
      'the decoder could not interpret its conditions. Give the folder of the right encoder',
  );
}

/** The name is only for display; the digest of the weights identifies the encoder. */
function sameIdentity(one: EncoderIdentity, other: EncoderIdentity): boolean {
  const settings = ({ name: _, ...rest }: EncoderIdentity) => JSON.stringify(Object.entries(rest).sort());
  return settings(one) === settings(other);
}

/** For messages: `all-MiniLM-L6-v2 (bert, 384 channels, weights 53aa51172d14…)`. */
export function described(identity: EncoderIdentity): string {
  const digest = identity.weightsSha256 ? `, weights ${identity.weightsSha256.slice(0, 12)}…` : '';
  const layer = identity.layer === undefined ? '' : `, layer ${identity.layer}`;
  return `${identity.name ?? 'the built-in encoder'} (${identity.type}, ${identity.channels} channels${layer}${digest})`;
}
