import { DndError } from '../errors.js';
import { isFloatDtype } from '../formats/dtypes.js';
import type { TensorInfo } from '../formats/safetensors/index.js';
import { parseTensorName, tensorName } from './names.js';
import { isTrainingOnly, otherTensor } from './other-tensors.js';

/** A LoRA matrix in a file. */
export interface LoraTensor {
  info: TensorInfo;
  /** Normalised: with PEFT's prefix, without wrapping modules or an adapter's name. */
  name: string;
}

const ZERO_3 =
  'DeepSpeed’s ZeRO-3 leaves this where the parts of the weights are not gathered: set ' +
  '"stage3_gather_16bit_weights_on_model_save": true in its configuration and save again, or collect the weights of the ' +
  'checkpoint with its zero_to_fp32.py';

/**
 * The LoRA matrices of a file, in its order, under normalised names. Tensors that only training needs are left out.
 * @param source the file, for messages
 * @throws DndError UNSUPPORTED_FORMAT for any other tensor, with the name of its kind and what to do, and for several
 * adapters in one file; SHAPE_MISMATCH for anything but a float matrix, or a file without any; CORRUPT_FILE for a matrix
 * under two spellings of its name
 */
export function loraTensors(infos: Iterable<TensorInfo>, source: string): LoraTensor[] {
  const tensors = [...infos]
    .filter(({ name }) => !isTrainingOnly(name))
    .map((info) => ({ info, name: checkedName(info, source) }));
  if (tensors.length === 0) throw new DndError('SHAPE_MISMATCH', `${source} contains no tensors. ${ZERO_3}`);
  refuseSeveral(tensors, source);
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (names.has(name)) throw new DndError('CORRUPT_FILE', `${source} holds ${name} twice, under two spellings`);
    names.add(name);
  }
  return tensors;
}

function checkedName(info: TensorInfo, source: string): string {
  const parsed = parseTensorName(info.name);
  if (!parsed) {
    const other = otherTensor(info.name);
    const what = other
      ? `${other.what}; it is not supported, only plain LoRA is`
      : 'not a LoRA matrix; only plain LoRA is supported';
    const advice = other ? `. ${other.advice}` : '';
    throw new DndError('UNSUPPORTED_FORMAT', `${source}: ${info.name} is ${what}${advice}`);
  }
  const shape = `shape [${info.shape.join(', ')}]`;
  if (info.shape.includes(0))
    throw new DndError('SHAPE_MISMATCH', `${source}: ${info.name} is empty, of ${shape}. ${ZERO_3}`);
  if (info.shape.length !== 2 || !isFloatDtype(info.dtype))
    throw new DndError(
      'SHAPE_MISMATCH',
      `${source}: ${info.name} is ${info.dtype} of ${shape}, not a matrix of floats`,
    );
  return tensorName(parsed.module, parsed.part);
}

/** A state dict of the whole model may name several adapters, whose matrices would be taken for one another's. */
function refuseSeveral(tensors: readonly LoraTensor[], source: string): void {
  const adapters = new Set(tensors.flatMap(({ info }) => parseTensorName(info.name)?.adapter ?? []));
  if (adapters.size <= 1) return;
  throw new DndError(
    'UNSUPPORTED_FORMAT',
    `${source} holds several adapters: ${[...adapters].sort().join(', ')}. Save one of them (PEFT: save_pretrained with selected_adapters)`,
  );
}
