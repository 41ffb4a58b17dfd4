#pragma once

#include "cuda/device/half.h"
#include "cuda/runtime/runtime.h"
#include "plan/cuda_plan.h"
#include "plan/geometry.h"

namespace dnd::cuda {

/// Tiles to spectra: the first step of a spectral convolution.
///
/// X̂[f] = s / √(Pf·Ph) · Σ x̂[a, b] e^(−2πi(a·row/Pf + b·column/Ph)) of each tile and channel, with x̂ = x, or
/// ((x − mean) − residue) · rstd · norm_weight + norm_bias, inside the plane and zero outside of it. Element is Half
/// or float.
template <typename Element>
struct SpectralForward {
  Geometry geometry;  ///< as convolution_geometry makes it
  CudaTiling tiling;
  const float* x;
  const float* mean_rstd;    ///< [batch · tokens, 3], null: x is not normalised
  const float* norm_weight;  ///< along x's axes but the tokens
  const float* norm_bias;
  const float* scales;        ///< s of each task, powers of two; null: 1
  int64_t first_tile, tiles;  ///< of the chunk
  Element* spectra;           ///< [frequency][re, im][tiles][cuda_channel_pitch(channels)]; zeros above the channels
};

/// Error(kInvalidArgument) for a size without a transform.
template <typename Element>
void spectral_forward(runtime::Stream stream, const SpectralForward<Element>& arguments);

/// The same by definition, one thread for each number.
template <typename Element>
void spectral_forward_naive(runtime::Stream stream, const SpectralForward<Element>& arguments);

extern template void spectral_forward(runtime::Stream, const SpectralForward<Half>&);
extern template void spectral_forward(runtime::Stream, const SpectralForward<float>&);
extern template void spectral_forward_naive(runtime::Stream, const SpectralForward<Half>&);
extern template void spectral_forward_naive(runtime::Stream, const SpectralForward<float>&);

}  // namespace dnd::cuda
