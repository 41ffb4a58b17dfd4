#pragma once

#include <string>

namespace dnd {

/// Nanoseconds that one thread of an instruction set needs for the parts of a convolution, taken by measurement (how:
/// docs/spectral.md) and committed: plans must not depend on the day.
///
/// `lanes`: floats of a vector. A *vector step* is one operation on a vector of channels.
struct InstructionSetRates {
  const char* name;  ///< as Kernels::name; "avx512bf16": avx512 with bfloat16 operands of the spectral product
  int lanes;
  int channels_of_element = 1;  ///< as SpectralPlan::channels_of_element
  int panel_vectors;  ///< as SpectralKernels::panel_vectors

  // Spectral. Transforms of a tile of P points, per tile, vector of channels and P · log2 P.
  double forward_level, inverse_level;
  /// First half of the weights' transform, per input channel, vector of output channels, column and tap of a column.
  double halve_tap;
  /// Second half, per input channel, vector of output channels and component of a frequency; more for long kernels.
  double weight_component, weight_component_half_cubed;
  /// Product, per component of a frequency, input channel and vector of output channels: row · tiles + slab.
  double product_row, product_slab;
  /// and per component, tile and vector of output channels, for each slab of input channels.
  double product_sum;

  /// From spectra to the taps of a weight's gradient, per row of the product and vector of lanes: for each component of
  /// a frequency, and for each column and tap of a column.
  double adjoint_component, adjoint_tap;

  /// Direct: per vector step (multiply-add of a vector), tiles of outputs full; and for a weight's gradient.
  double direct_step, direct_gradient_step;
};

/// Error(kInvalidArgument) for a name that is not in the table.
const InstructionSetRates& rates_of(const std::string& instruction_set);

}  // namespace dnd
