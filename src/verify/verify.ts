import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { selectDevice } from '../engine/index.js';
import { DndError } from '../errors.js';
import { readError } from '../files/index.js';
import { deviceReport } from '../generator/device.js';
import type { DeviceReport } from '../generator/report.js';
import { checkPath, quote } from '../validation/index.js';
import { verifyCausal } from './causal.js';
import { type Check, isSkipped, skip } from './checks.js';
import { verifyDecoder } from './decoder.js';
import { verifyEncoder } from './encoder.js';
import { GoldenFile } from './golden-file.js';
import { verifyImportance } from './importance.js';
import { verifyLayout } from './layout.js';
import type { VerifierOptions, VerifyOptions } from './options.js';
import { verifyTraining } from './training.js';

export type { VerifyOptions };

export interface FileVerdict {
  file: string;
  /** null if the file could not be read. */
  kind: string | null;
  /** Device of decoders, BERTs and adapters. */
  device: DeviceReport;
  seconds: number;
  ok: boolean;
  checks: Check[];
  /** Why the file as a whole failed. */
  error?: { code: string; message: string };
}

type Verifier = (golden: GoldenFile, options: VerifierOptions) => Promise<Check[]>;

/** File kinds whose references this version cannot compute: their tensors, and the reason. */
const NOT_COMPUTED: Record<string, { references: RegExp; reason: string }> = {
  state_dict: { references: /./, reason: 'this version does not read PyTorch archives' },
};

const VERIFIERS: Record<string, Verifier> = {
  decoder: verifyDecoder,
  layout: verifyLayout,
  encoder: verifyEncoder,
  training: verifyTraining,
  importance: verifyImportance,
  causal: verifyCausal,
  ...Object.fromEntries(
    Object.entries(NOT_COMPUTED).map(([kind, { references, reason }]) => [kind, skipReferences(references, reason)]),
  ),
};

function skipReferences(references: RegExp, reason: string): Verifier {
  return async ({ names }) => names.filter((name) => references.test(name)).map((name) => skip(name, reason));
}

/**
 * Checks golden files, or the `.safetensors` files directly inside folders, one after the other. A damaged file, or one
 * of an unknown kind, fails; the others are still checked.
 * @throws DndError FILE_NOT_FOUND for a path that does not exist or a folder without golden files; DEVICE_UNAVAILABLE
 */
export async function* verify(
  paths: readonly string[],
  options: VerifyOptions = {},
): AsyncGenerator<FileVerdict, void> {
  const files = (await Promise.all(paths.map(goldenFilesAt))).flat();
  const device = await selectDevice(options);
  for (const file of files) {
    options.signal?.throwIfAborted();
    yield await verifyFile(file, { ...options, device });
  }
}

async function goldenFilesAt(path: string): Promise<string[]> {
  checkPath(path, 'the golden file');
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => name.endsWith('.safetensors')).sort();
    if (names.length > 0) return names.map((name) => join(path, name));
  } catch (error) {
    throw readError(error, path);
  }
  throw new DndError('FILE_NOT_FOUND', `${path} contains no .safetensors files`);
}

async function verifyFile(file: string, options: VerifierOptions): Promise<FileVerdict> {
  const begin = performance.now();
  const device = deviceReport(options.device);
  const verdict = { file, kind: null as string | null, device, checks: [] as Check[] };
  const seconds = () => (performance.now() - begin) / 1000;
  let golden: GoldenFile | undefined;
  try {
    golden = await GoldenFile.open(file);
    verdict.kind = golden.kind ?? null;
    const verifier = Object.hasOwn(VERIFIERS, verdict.kind ?? '') ? VERIFIERS[verdict.kind!]! : undefined;
    if (!verifier) throw unknownKind(golden);
    verdict.checks = await verifier(golden, options);
    if (verdict.checks.length === 0) throw golden.wrong('it has no reference tensors');
    const ok = verdict.checks.every((check) => (isSkipped(check) ? !options.strict : check.ok));
    return { ...verdict, seconds: seconds(), ok };
  } catch (error) {
    options.signal?.throwIfAborted();
    const { code, message } = error instanceof DndError ? error : { code: 'INTERNAL', message: String(error) };
    return { ...verdict, seconds: seconds(), ok: false, error: { code, message } };
  } finally {
    await golden?.close();
  }
}

function unknownKind(golden: GoldenFile): DndError {
  const kinds = Object.keys(VERIFIERS).join(', ');
  return new DndError(
    'UNSUPPORTED_FORMAT',
    `${golden.file.path}: its metadata kind is ${golden.kind ? `${quote(golden.kind)}, which is unknown` : 'missing'}; known kinds are ${kinds}`,
  );
}
