import { stat } from 'node:fs/promises';
import { DndError } from '../errors.js';
import { kindOf, OpenFile, readError, readFully, SNIFFED_BYTES, whatItIs } from '../files/index.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { ADAPTER_INPUTS } from './adapters.js';
import { GENERATOR_FOLDER } from './generator.js';
import { refuseOtherOptions, refuseOverwritingInputs } from './output-rules.js';
import { PUBLISHED } from './published.js';
import type { Conversion, ConvertOptions, InputKind } from './types.js';

/** All that can be converted; the first that recognises an input converts it. */
const INPUTS: readonly InputKind[] = [...ADAPTER_INPUTS, GENERATOR_FOLDER, PUBLISHED];

/** @throws DndError READ_FAILED */
async function whatIsThere(path: string): Promise<string | undefined> {
  let file: OpenFile | undefined;
  try {
    // Opening a pipe would wait for its other end.
    if (!(await stat(path)).isFile()) return undefined;
    file = await OpenFile.open(path, 'r');
    const head = new Uint8Array(SNIFFED_BYTES);
    return whatItIs(head.subarray(0, await readFully(file, head, 0)));
  } catch (error) {
    throw readError(error, path);
  } finally {
    await file?.close();
  }
}

/** @throws DndError FILE_NOT_FOUND, READ_FAILED; UNSUPPORTED_FORMAT for what no kind recognises */
async function kindOfInput(path: string): Promise<InputKind> {
  const found = await kindOf(path);
  if (found === undefined) throw new DndError('FILE_NOT_FOUND', `${path} does not exist; check the path`);
  for (const kind of INPUTS) if (await kind.recognises(path)) return kind;
  const other = found === 'file' ? await whatIsThere(path) : undefined;
  if (other !== undefined) throw new DndError('UNSUPPORTED_FORMAT', `${path} cannot be converted: ${other}`);
  const expected = INPUTS.map(({ what }) => what).join(' or ');
  throw new DndError('UNSUPPORTED_FORMAT', `${path}: this ${found} cannot be converted; expected ${expected}`);
}

/**
 * Converts what other software wrote, or what it reads: the kind of the input is recognised by its contents, that of the
 * output by its name. Whether it can be written is checked before anything is read.
 * @throws DndError INVALID_ARGUMENT for options that mean nothing for the output, and an output that is an input or contains
 * one; OUTPUT_EXISTS, NOT_WRITABLE; FILE_NOT_FOUND, READ_FAILED, UNSUPPORTED_FORMAT; what reading the input and writing the output throw
 */
export async function convert(input: string, output: string, options: ConvertOptions = {}): Promise<Conversion> {
  checkPath(input, 'the input of convert');
  checkPath(output, 'the output of convert');
  checkOptions(options, 'options of convert');
  const kind = await kindOfInput(input);
  const target = await kind.outputOf(input, output, options);
  refuseOtherOptions(input, target, options);
  await refuseOverwritingInputs(input, output, options);
  await target.check(output, options.force);
  return kind.convert(input, output, options);
}
