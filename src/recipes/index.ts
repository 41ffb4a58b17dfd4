/** Checkpoints of large bases with other trainers: recipes for LLaMA-Factory and TRL, and taking over what they wrote. */
export { type ImportedPairs, type ImportedTask, type ImportOptions, importCheckpoints } from './import.js';
export { type RecipeOptions, TRAINERS, type TrainerName, type WrittenRecipe, writeRecipe } from './write.js';
