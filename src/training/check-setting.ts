import { checkSettings as checkBy } from '../settings/index.js';
import { SETTINGS, type TrainingSettings } from './settings.js';

/** Validates settings of a training run. Errors: as `checkSettings` of src/settings */
export function checkSettings(values: unknown, source: string): Partial<TrainingSettings> {
  return checkBy(values, SETTINGS, source);
}
