import { cpuInfo } from '../engine/index.js';
import { parameterCount } from '../generator/decoder-shape.js';
import type { GeneratorManifest } from '../generator/manifest.js';
import { meaninglessTask } from './pairs/index.js';
import type { Preparation } from './prepare.js';
import type { RunDescription } from './run-description.js';
import type { TrainingSettings } from './settings.js';

/**
 * The contents of run.json.
 * @param baseSha256 of the base that the behaviour loss runs; null for the loss 'tokens', and in a plan
 */
export function describeRun(
  { manifest, pairs, split, layout }: Preparation,
  settings: TrainingSettings,
  baseSha256: string | null,
): RunDescription {
  const { formatVersion: _, training: __, ...parts } = manifest;
  const heldOut = new Map(split.evaluation.map((one) => [one.task.name, one]));
  return {
    formatVersion: 1,
    ...parts,
    instructionSet: cpuInfo().isa,
    ...(baseSha256 !== null && { baseSha256 }),
    parameters: parameterCount(manifest.decoder),
    weightTokens: { count: layout.tokenCount, height: layout.tokenHeight, width: layout.tokenWidth },
    pairs: {
      folder: pairs.folder,
      digest: pairs.digest,
      tasks: pairs.tasks.map(({ name, items, checkpoints }) => {
        const own = heldOut.get(name);
        const meaningless = meaninglessTask({ checkpoints });
        return {
          name,
          heldOut: own?.heldOut === 'task',
          prompts: items.length,
          checkpoints: checkpoints.length,
          heldOutCheckpoints: own && own.heldOut !== 'none' ? own.checkpoints.length : 0,
          ...(meaningless === null ? {} : { meaningless }),
        };
      }),
      skipped: pairs.skipped.length,
    },
    settings: { ...settings },
  };
}

/** The generator.json of a checkpoint. */
export function checkpointManifest(
  manifest: GeneratorManifest,
  { pairs, split }: Pick<Preparation, 'pairs' | 'split'>,
  { seed, form }: TrainingSettings,
  step: number,
): GeneratorManifest {
  if (step === 0) return manifest;
  const trained = split.training.map(({ task }) => task.name);
  return {
    ...manifest,
    training: {
      trained: true,
      seed,
      steps: step,
      form,
      tasks: trained,
      heldOutTasks: pairs.tasks.map(({ name }) => name).filter((name) => !trained.includes(name)),
      pairsDigest: pairs.digest,
    },
  };
}
