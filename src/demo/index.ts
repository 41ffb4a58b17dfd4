/** What the package does, shown on the pocket world or on a real model. */
export {
  type DemoAnswer,
  type DemoOptions,
  type DemoResult,
  type FetchModel,
  isRight,
  runDemo,
  SHOWN,
} from './demo.js';
export { DEFAULT_MODEL, DEMO_MODELS, type DemoModelName, demoCommand, readWorld, SMOLLM2_PACKAGE } from './models.js';
export type { DemoTask } from './world.js';
