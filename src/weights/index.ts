/** How the tensors of a file become a model's parameters: mapped where they can be, read where not. */

export {
  type LoadParametersOptions,
  loadParameters,
  type ParameterReader,
  type ParameterSource,
  type ParameterTarget,
} from './load-parameters.js';
