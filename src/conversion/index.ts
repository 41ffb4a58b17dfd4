export { convert } from './convert.js';
export type { Conversion, ConvertOptions, Facts } from './types.js';
