/** The pocket world, and what the package does shown on it. */
export { type DemoAnswer, type DemoOptions, type DemoResult, runDemo, SHOWN } from './demo.js';
export { POCKET_FOLDER, type PocketTask, type PocketWorld, readPocketWorld } from './pocket.js';
