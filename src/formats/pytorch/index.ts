export { PytorchArchive } from './archive.js';
export { looksLikePytorch } from './other-formats.js';
export { SOLE_TENSOR_NAME } from './state-dict.js';
