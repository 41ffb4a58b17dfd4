#pragma once

#include "cuda/device/half.h"
#include "cuda/runtime/runtime.h"
#include "plan/cuda_plan.h"
#include "plan/geometry.h"

namespace dnd::cuda {

/// Kernels of a convolution to spectra.
///
/// Ŵ[f] = s · Σ w[i, j] e^(+2πi((i − k/2)·row's frequency/points + (j − k/2)·column's frequency/points)) for each
/// output and input channel: tap (i, j) is at point ((k/2 − i) mod points, (k/2 − j) mod points) of a tile, so that
/// products of spectra are the cross-correlation that PyTorch calls a convolution. Taps that meet at a point are added.
/// Element is Half or float.
template <typename Element>
struct SpectralWeights {
  Geometry geometry;  ///< as convolution_geometry makes it
  CudaTiling tiling;
  const float* weight;  ///< [out_channels, channels, k, k]
  const float* scale;   ///< s, a power of two; null: 1
  int64_t first_out, outs;
  int64_t rows;      ///< output channels that the spectra have space for, outs at least
  Element* spectra;  ///< [frequency][re, im][rows][cuda_channel_pitch(channels)]; first_out becomes row 0
};

/// Error(kInvalidArgument) for a size without a transform.
template <typename Element>
void spectral_weights(runtime::Stream stream, const SpectralWeights<Element>& arguments);

/// The same by definition, one thread for each number.
template <typename Element>
void spectral_weights_naive(runtime::Stream stream, const SpectralWeights<Element>& arguments);

extern template void spectral_weights(runtime::Stream, const SpectralWeights<Half>&);
extern template void spectral_weights(runtime::Stream, const SpectralWeights<float>&);
extern template void spectral_weights_naive(runtime::Stream, const SpectralWeights<Half>&);
extern template void spectral_weights_naive(runtime::Stream, const SpectralWeights<float>&);

}  // namespace dnd::cuda
