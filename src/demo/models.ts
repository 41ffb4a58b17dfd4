import { readPackagedWorld } from './packaged.js';
import { readPocketWorld } from './pocket.js';
import type { DemoWorld } from './world.js';

/** The package with the generators of SmolLM2-135M-Instruct. */
export const SMOLLM2_PACKAGE = '@dnd-lora/smollm2-135m';

const WORLDS = {
  pocket: readPocketWorld,
  smollm2: () => readPackagedWorld(SMOLLM2_PACKAGE),
} satisfies Record<string, () => Promise<DemoWorld>>;

/** What `dnd demo --model` takes. */
export type DemoModelName = keyof typeof WORLDS;
export const DEMO_MODELS = Object.keys(WORLDS) as DemoModelName[];

export const DEFAULT_MODEL: DemoModelName = 'pocket';

/** The command that shows a model. */
export function demoCommand(model: DemoModelName): string {
  return model === DEFAULT_MODEL ? 'dnd demo' : `dnd demo --model ${model}`;
}

/**
 * What there is to show of a model.
 * @throws DndError as `readPocketWorld` and `readPackagedWorld`
 */
export function readWorld(model: DemoModelName): Promise<DemoWorld> {
  return WORLDS[model]();
}
