/**
 * Generating LoRA adapters from prompts, and what one does with adapters: reading, writing, converting, merging, comparing
 * and adding them. docs/guides/backend.md shows it in use.
 * @module dnd-lora
 */

export {
  type GgufAdapterReadOptions,
  type GgufAdapterSummary,
  type GgufAdapterWriteOptions,
  type GgufBase,
  type GgufDtype,
  type GgufDtypeName,
  readGgufAdapter,
  readGgufBase,
  writeGgufAdapter,
} from './adapter/gguf/index.js';
export {
  type AdapterTensor,
  type BaseModel,
  type FloatDtypeName,
  type GivenAdapter,
  LoraAdapter,
  type LoraConfig,
  type LoraPair,
  type MlxWriteOptions,
  type Normalisation,
  type ReadPeftOptions,
  readBaseModel,
  readMlx,
  readPeft,
  writeMlx,
} from './adapter/index.js';
export type { LongOperation } from './async/progress.js';
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
export {
  type AdapterFormatName,
  type Conversion,
  type ConvertOptions,
  convert,
  type Facts,
  type GeneratorOptions,
} from './conversion/index.js';
export type { EncoderIdentity, Padding, Pooling } from './encoder/index.js';
export type { Device, Precision, ProcessMemory } from './engine/index.js';
export { DndError, type ErrorCode } from './errors.js';
export type { AdapterFormat, SavedDtype } from './generator/adapter-formats.js';
export type { GeneratorSettings } from './generator/create.js';
export type { DecoderShape, Feature } from './generator/decoder-shape.js';
export { GeneratedAdapter, type SaveAdapterOptions } from './generator/generated-adapter.js';
export {
  type ConditionOptions,
  type GeneratedSet,
  type GenerateManyOptions,
  type GenerateOptions,
  Generator,
} from './generator/generator.js';
export type { CreateOptions, LoadOptions } from './generator/load-options.js';
export type {
  AdapterSettings,
  ConditionSettings,
  GeneratorManifest,
  TrainingProvenance,
} from './generator/manifest.js';
export { PRESETS, type Preset, type PresetName } from './generator/presets.js';
export type { OnProgress, Stage } from './generator/progress.js';
export type { PromptSet, PromptSets } from './generator/prompts.js';
export type { AdapterSummary, DeviceReport, GenerationReport } from './generator/report.js';
export type { SaveOptions } from './generator/save.js';
export type { Statistics } from './generator/statistics.js';
export { type DownloadedRepository, type DownloadOptions, download, type HubKind } from './hub/index.js';
export { type MergeOptions, type MergeReport, mergeAdapter } from './merging/merge.js';
export { type PromptFields, type PromptInput, readDescriptions, readPromptSet } from './prompts/index.js';
