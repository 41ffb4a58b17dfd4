/** Settings of runs: their types, defaults and descriptions in a table, and the validation of values by it. */
export { checkSettings } from './check.js';
export type { Setting, SettingKind, SettingTable } from './setting.js';
