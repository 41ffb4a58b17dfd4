/** The public API of dnd-lora. docs/api.md shows it in use. */

export {
  type GgufAdapterReadOptions,
  type GgufAdapterSummary,
  type GgufAdapterWriteOptions,
  type GgufBase,
  type GgufDtypeName,
  readGgufAdapter,
  readGgufBase,
  writeGgufAdapter,
} from './adapter/gguf/index.js';
export {
  type AdapterTensor,
  type BaseModel,
  LoraAdapter,
  type LoraConfig,
  type Normalisation,
  readBaseModel,
  readPeft,
} from './adapter/index.js';
export { type Conversion, type ConvertOptions, convert } from './conversion/index.js';
export type { EncoderIdentity, Padding, Pooling } from './encoder/index.js';
export type { Device, Precision } from './engine/index.js';
export { DndError, type ErrorCode } from './errors.js';
export type { GeneratorSettings } from './generator/create.js';
export type { DecoderShape, Feature } from './generator/decoder-shape.js';
export { GeneratedAdapter, type SaveAdapterOptions, type SavedDtype } from './generator/generated-adapter.js';
export {
  type CreateOptions,
  type GenerateManyOptions,
  type GenerateOptions,
  Generator,
  type LoadOptions,
} from './generator/generator.js';
export type { AdapterSettings, GeneratorManifest } from './generator/manifest.js';
export { PRESETS, type Preset, type PresetName } from './generator/presets.js';
export type { OnProgress, Stage } from './generator/progress.js';
export type { PromptSets } from './generator/prompts.js';
export type { AdapterSummary, DeviceReport, GenerationReport } from './generator/report.js';
export type { SaveOptions } from './generator/save.js';
export type { Statistics } from './generator/statistics.js';
export { readPromptSet } from './prompts/index.js';
