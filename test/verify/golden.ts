import { SafetensorsFile, type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { type FileVerdict, type VerifyOptions, verify } from '../../src/verify/verify.js';

export async function verdicts(paths: string[], options?: VerifyOptions): Promise<FileVerdict[]> {
  const all: FileVerdict[] = [];
  for await (const verdict of verify(paths, options)) all.push(verdict);
  return all;
}

export async function verdictOf(path: string, options?: VerifyOptions): Promise<FileVerdict> {
  const [verdict, ...others] = await verdicts([path], options);
  expect(others).toEqual([]);
  return verdict!;
}

/** Tensors are named as they were. */
export interface Change {
  metadata?: Record<string, string | undefined>;
  bytes?: Record<string, (bytes: Uint8Array<ArrayBuffer>) => void>;
  shapes?: Record<string, number[]>;
  renamed?: Record<string, string>;
  without?: string | RegExp;
}

/** Writes a copy of a golden file with something changed. */
export async function changedGolden(path: string, copy: string, change: Change): Promise<string> {
  const file = await SafetensorsFile.open(path);
  const tensors: TensorSource[] = [];
  for (const { name, dtype, shape } of file.tensors.values()) {
    if (typeof change.without === 'string' ? name === change.without : change.without?.test(name)) continue;
    const bytes = await file.read(name);
    change.bytes?.[name]?.(bytes);
    tensors.push({
      name: change.renamed?.[name] ?? name,
      dtype,
      shape: change.shapes?.[name] ?? shape,
      bytes: () => [bytes],
    });
  }
  const entries = Object.entries({ ...file.metadata, ...change.metadata }).filter(([, value]) => value !== undefined);
  await writeSafetensors(copy, tensors, { metadata: Object.fromEntries(entries) as Record<string, string> });
  await file.close();
  return copy;
}

export const floats = (change: (values: Float32Array) => void) => (bytes: Uint8Array<ArrayBuffer>) =>
  change(new Float32Array(bytes.buffer));
