import { type AdapterLayout, type LayoutTensor, placeKey } from '../../adapter/index.js';
import { eventLoopYielder } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { elementCount, type FloatDtype, isFloatDtype, toFloat32 } from '../../formats/dtypes.js';
import { SafetensorsFile, type TensorInfo } from '../../formats/safetensors/index.js';
import type { Checkpoint, ReadTarget, ReadWeights } from './types.js';

/** Size of one read. Tokenising it takes a few milliseconds. */
const READ_BYTES = 2 ** 22;

/** Reads and tokenises a whole checkpoint, in a few reads. Errors: as `readTensors`. */
export const readTarget: ReadTarget = (checkpoint, layout, signal) => readTokens(checkpoint, layout, { signal });

/** As `readTarget`. @param options.read default: the weights as they are */
export async function readTokens(
  checkpoint: Pick<Checkpoint, 'name' | 'path'>,
  layout: AdapterLayout,
  { read, signal }: { read?: ReadWeights | undefined; signal?: AbortSignal | undefined },
): Promise<Float32Array<ArrayBuffer>> {
  const tokens = new Float32Array(layout.size);
  await readTensors(checkpoint, layout, layout.tensors, { tokens, read, signal });
  return tokens;
}

/**
 * Reads a whole checkpoint.
 * @param options.read default: `readWeights`
 * @returns [layout.elementCount], its tensors one after the other in the order of the layout
 * @throws DndError as `readWeights`
 */
export async function readElements(
  checkpoint: Pick<Checkpoint, 'name' | 'path'>,
  layout: AdapterLayout,
  { read = readWeights, signal }: { read?: ReadWeights | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Float32Array<ArrayBuffer>> {
  const elements = new Float32Array(layout.elementCount);
  await read(checkpoint, layout.tensors, (data, { offset }) => elements.set(data, offset), signal);
  return elements;
}

/**
 * Reads some of a checkpoint's tensors into weight tokens.
 * @param tensors of the layout
 * @param options.tokens of the whole layout; only those of `tensors` are written
 * @param options.read default: `readWeights`
 * @throws DndError as `readWeights`
 */
export async function readTensors(
  checkpoint: Pick<Checkpoint, 'name' | 'path'>,
  layout: AdapterLayout,
  tensors: readonly LayoutTensor[],
  {
    tokens,
    read = readWeights,
    signal,
  }: { tokens: Float32Array; read?: ReadWeights | undefined; signal?: AbortSignal | undefined },
): Promise<void> {
  await read(checkpoint, tensors, (data, tensor) => layout.tokeniseTensor(data, tensor, tokens), signal);
}

/**
 * Reads some of a checkpoint's tensors, in the order of the file.
 * @param tensors of a layout
 * @param take called with the weights of each whole tensor, in float32, which may change afterwards
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; SHAPE_MISMATCH for a tensor that is missing or differs
 * from the layout's shape; INVALID_WEIGHTS; all name the checkpoint. `signal.reason`
 */
export async function readWeights(
  { name, path }: Pick<Checkpoint, 'name' | 'path'>,
  tensors: readonly LayoutTensor[],
  take: (data: Float32Array, tensor: LayoutTensor) => void | Promise<void>,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const yieldToEventLoop = eventLoopYielder();
  const file = await SafetensorsFile.open(path);
  try {
    const places = placesOf(file, tensors, name);
    let whole = new Float32Array();
    for await (const pieces of file.pieces(READ_BYTES, (info) => places.has(info.name))) {
      for (const { info, elementOffset, bytes } of pieces) {
        await yieldToEventLoop();
        signal?.throwIfAborted();
        const values = toFloat32(bytes, info.dtype as FloatDtype);
        const elements = elementCount(info.shape);
        if (values.length === elements) {
          await take(values, places.get(info.name)!);
          continue;
        }
        if (elementOffset === 0) whole = new Float32Array(elements);
        whole.set(values, elementOffset);
        if (elementOffset + values.length === elements) await take(whole, places.get(info.name)!);
      }
    }
  } catch (error) {
    if (error instanceof DndError && !error.message.includes(name) && !error.message.includes(path))
      throw new DndError(error.code, `${name}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    await file.close();
  }
}

/** The tensors by their names in the file. */
function placesOf(
  file: SafetensorsFile,
  tensors: readonly LayoutTensor[],
  checkpoint: string,
): Map<string, LayoutTensor> {
  const byPlace = new Map(Array.from(file.tensors.values(), (info) => [placeKey(info.name), info]));
  return new Map(
    tensors.map((tensor) => [checkedInfo(byPlace.get(placeKey(tensor.name)), tensor, checkpoint).name, tensor]),
  );
}

function checkedInfo(info: TensorInfo | undefined, { name, shape }: LayoutTensor, checkpoint: string): TensorInfo {
  if (!info) throw new DndError('SHAPE_MISMATCH', `${checkpoint} has no tensor ${name}`);
  const [found, expected] = [info.shape.join(', '), shape.join(', ')];
  if (found === expected && isFloatDtype(info.dtype)) return info;
  throw new DndError(
    'SHAPE_MISMATCH',
    `${checkpoint}: ${name} does not fit the adapter layout; expected floats of shape [${expected}], got ${info.dtype} of shape [${found}]`,
  );
}
