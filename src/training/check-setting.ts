import { checkSettings as checkBy } from '../settings/index.js';
import type { TrainingSettings } from './settings.js';
import { SETTINGS } from './settings-table.js';

/** Validates settings of a training run. Errors: as `checkSettings` of src/settings */
export function checkSettings(values: unknown, source: string): Partial<TrainingSettings> {
  return checkBy(values, SETTINGS, source);
}
