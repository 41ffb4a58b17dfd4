export { checkConversionOutput } from './check-output.js';
export { convert } from './convert.js';
export {
  ADAPTER_FORMAT_NAMES,
  type AdapterFormatName,
  type Conversion,
  type ConvertOptions,
  type Facts,
  type GeneratorOptions,
} from './types.js';
