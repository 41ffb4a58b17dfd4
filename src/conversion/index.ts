export { convert } from './convert.js';
export type { Conversion, ConvertOptions, Facts, GeneratorOptions } from './types.js';
