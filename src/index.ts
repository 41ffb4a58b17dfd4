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
  type MlxWriteOptions,
  type Normalisation,
  readBaseModel,
  readMlx,
  readPeft,
  writeMlx,
} from './adapter/index.js';
export type { NamedAdapter } from './comparison/aligned.js';
export { compareAdapters } from './comparison/compare.js';
export type {
  AdapterComparison,
  ComparedAdapter,
  ModuleComparison,
  ModuleUpdate,
  PairComparison,
} from './comparison/comparison.js';
export { comparisonPage } from './comparison/page.js';
export { type ComposeOptions, composeAdapters, type WeightedAdapter } from './composition/compose.js';
export {
  ComposedAdapter,
  type ComposedModule,
  type CompositionReport,
  type SaveComposedOptions,
} from './composition/composed-adapter.js';
export { type Conversion, type ConvertOptions, convert } from './conversion/index.js';
export type { EncoderIdentity, Padding, Pooling } from './encoder/index.js';
export type { Device, Precision } from './engine/index.js';
export { DndError, type ErrorCode } from './errors.js';
export type { AdapterFormat, SavedDtype } from './generator/adapter-formats.js';
export type { GeneratorSettings } from './generator/create.js';
export type { DecoderShape, Feature } from './generator/decoder-shape.js';
export { GeneratedAdapter, type SaveAdapterOptions } from './generator/generated-adapter.js';
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
export { type DownloadedRepository, type DownloadOptions, download, type HubKind } from './hub/index.js';
export { type MergeOptions, type MergeReport, mergeAdapter } from './merging/merge.js';
export { type PromptFields, readDescriptions, readPromptSet } from './prompts/index.js';
