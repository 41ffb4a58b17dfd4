#pragma once

#include "cuda/runtime/runtime.h"
#include "plan/cuda_plan.h"
#include "plan/geometry.h"

namespace dnd::cuda {

/// Products of spectra to outputs: the last step of a spectral convolution, with its epilogue.
///
/// c = 1 / (√(Pf·Ph) · task's scale · weight's scale) · Σ over all frequencies of Ŷ e^(+2πi(…)), at the tile's valid
/// outputs; then y = c, (addend + tanh(c) + bias) / 3, or c + bias (+ addend).
struct SpectralInverse {
  Geometry geometry;  ///< as convolution_geometry makes it
  CudaTiling tiling;
  DndEpilogue epilogue;
  const float* product;  ///< [frequency][re, im][tiles][product_pitch]
  int64_t product_pitch;
  const float* scales;        ///< of each task, powers of two; null: 1
  const float* weight_scale;  ///< a power of two; null: 1
  int64_t first_tile, tiles;  ///< of the chunk
  int64_t first_out, outs;    ///< output channels of the product
  const float* addend;        ///< laid out as y; null if the epilogue needs none
  const float* bias;
  float* y;
};

/// Error(kInvalidArgument) for a size without a transform.
void spectral_inverse(runtime::Stream stream, const SpectralInverse& arguments);

/// The same by definition, one thread for each number.
void spectral_inverse_naive(runtime::Stream stream, const SpectralInverse& arguments);

}  // namespace dnd::cuda
