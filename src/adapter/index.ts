export {
  adapterFolder,
  isUnconverted,
  misnamedAdapter,
  refuseUnconverted,
  SAVE_AGAIN,
  searchAdapter,
  severalAdapters,
} from './adapter-folder.js';
export { openAdapterTensors, PYTORCH_TENSORS_FILE } from './adapter-tensors.js';
export { baseModelFromConfig, configOfBase, isBaseModel, readBaseModel } from './base-config.js';
export { BASE_TYPES, excludedModulesOf, layersPathOf, modulesOf } from './base-family.js';
export { type BaseModel, widthsOf } from './base-model.js';
export { type ComparableBase, checkShape, comparableBase } from './base-shapes.js';
export { type AdapterDtype, type Encode, encodeWeights } from './encode.js';
export { requireFinite } from './finite.js';
export { FLOAT_DTYPES, type FloatDtypeName, floatDtype } from './float-dtype.js';
export { type GivenAdapter, toLoraAdapter } from './given-adapter.js';
export { AdapterLayout } from './layout.js';
export type { TensorShape } from './layout-fields.js';
export type { LayoutJson } from './layout-json.js';
export type { LayoutOptions } from './layout-options.js';
export type { LayoutTensor } from './layout-tensors.js';
export { type AdapterTensor, LoraAdapter, type LoraConfig, type LoraPair } from './lora-adapter.js';
export { type LoraTensor, loraTensors } from './lora-tensors.js';
export { type MatrixPair, matrixPairs } from './matrix-pairs.js';
export { loraScale, mergeDelta, scaleOf } from './merge.js';
export { MLX_TENSORS_FILE } from './mlx-names.js';
export { readMlx } from './mlx-read.js';
export { type MlxWriteOptions, writeMlx } from './mlx-write.js';
export { compareModules, moduleKey } from './module-key.js';
export {
  KNOWN_MODULES,
  MODULE_NAMES,
  MODULES,
  type Module,
  type ModuleName,
  selectModules,
  type Widths,
} from './modules.js';
export { LAYERS_PATH, parseTensorName, placeKey, tensorName, withoutWrappers } from './names.js';
export { NORMALISATIONS, type Normalisation, ResidualStatistics } from './normalisation.js';
export { type ParsedPeftConfig, parsePeftConfig } from './peft-config.js';
export { type ReadPeftOptions, readPeft } from './peft-read.js';
export {
  checkConfig,
  PEFT_CONFIG_FILE,
  PEFT_TENSORS_FILE,
  type PeftWriteOptions,
  writePeft,
} from './peft-write.js';
export { vllmRankNote } from './rank-limits.js';
export { ResidualSums } from './residual-sums.js';
export { firstWrongImportance, IMPORTANCE_TENSOR } from './token-importance.js';
export { transposeOf } from './transpose.js';
