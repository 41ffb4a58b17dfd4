export { PytorchArchive } from './archive.js';
export { isPytorch, openTensors, PytorchSet } from './open-tensors.js';
export { SOLE_TENSOR_NAME } from './state-dict.js';
