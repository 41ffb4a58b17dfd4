import { join } from 'node:path';
import type { CausalTrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { exists, readJson, writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import { DTYPES, elementCount } from '../formats/dtypes.js';
import { SafetensorsFile, writeSafetensors } from '../formats/safetensors/index.js';
import { Fields } from '../validation/index.js';

const STATE_FILE = 'state.json';
const TENSORS_FILE = 'state.safetensors';
const FORMAT_VERSION = 1;
const CHUNK_BYTES = 2 ** 22;
/** Before the names of parameters; optimiser states have names of their own. */
const PARAMETER = 'parameter.';

/** Where an unfinished task is. */
export interface PhaseState {
  /** The task, or the joint run. */
  phase: string;
  /** Steps done. */
  step: number;
  /** Sum and number of the losses that the task's mean is taken of. */
  lossSum: number;
  lossCount: number;
}

/** Saves the trainer and its position; the earlier state stays until the new one is complete. */
export async function saveState(path: string, trainer: CausalTrainerEngine, state: PhaseState): Promise<void> {
  const parameters = trainer.parameters.map(({ name, shape }) => ({
    name: PARAMETER + name,
    dtype: 'F32' as const,
    shape,
    bytes: () => [new Uint8Array(trainer.readParameter(name, 0, elementCount(shape)).buffer)],
  }));
  const states = trainer.states.map(({ name, dtype, elements }) => ({
    name,
    dtype,
    shape: [elements],
    *bytes() {
      const total = elements * DTYPES[dtype].bytes;
      for (let offset = 0; offset < total; offset += CHUNK_BYTES)
        yield trainer.readState(name, offset, Math.min(CHUNK_BYTES, total - offset));
    },
  }));
  await writeFolderAtomically(path, { force: true, marker: STATE_FILE }, async (staging) => {
    await writeSafetensors(join(staging, TENSORS_FILE), [...parameters, ...states], {});
    const text = JSON.stringify({ formatVersion: FORMAT_VERSION, ...state }, null, 2);
    await writeFileAtomically(join(staging, STATE_FILE), `${text}\n`);
  });
}

/** The position that was saved, if it is of this phase. Errors: as `readJson`, NEWER_FORMAT */
export async function readState(path: string, phase: string): Promise<PhaseState | undefined> {
  const file = join(path, STATE_FILE);
  if (!(await exists(file))) return undefined;
  const fields = new Fields(await readJson(file), file);
  fields.checkFormatVersion(FORMAT_VERSION, 'state');
  if (fields.text('phase') !== phase) return undefined;
  return {
    phase,
    step: fields.wholeNumber('step', 0),
    lossSum: fields.number('lossSum'),
    lossCount: fields.wholeNumber('lossCount', 0),
  };
}

/** @throws DndError CORRUPT_FILE, SHAPE_MISMATCH for a state that is not this trainer's */
export async function loadState(path: string, trainer: CausalTrainerEngine, { step }: PhaseState): Promise<void> {
  const file = await SafetensorsFile.open(join(path, TENSORS_FILE));
  try {
    const bytesOf = async (name: string, expected: number): Promise<Uint8Array> => {
      const length = file.tensors.get(name)?.byteLength;
      if (length === expected) return file.read(name);
      throw new DndError('SHAPE_MISMATCH', `${file.path}: ${name} has ${length ?? 'no'} bytes; expected ${expected}`);
    };
    for (const { name, shape } of trainer.parameters) {
      const bytes = await bytesOf(PARAMETER + name, elementCount(shape) * Float32Array.BYTES_PER_ELEMENT);
      trainer.writeParameter(name, 0, bytes, 'F32');
    }
    for (const { name, dtype, elements } of trainer.states)
      trainer.writeState(name, 0, await bytesOf(name, elements * DTYPES[dtype].bytes));
    trainer.setStep(step);
  } finally {
    await file.close();
  }
}
