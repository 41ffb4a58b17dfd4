#pragma once

#include <cstdint>
#include <vector>

#include "core/feature.h"
#include "plan/cuda_plan.h"
#include "plan/decoder_plan.h"

namespace dnd {

struct CudaPlannedConvolution {
  int64_t layer;
  LayerConvolution convolution;
  /// A spectral convolution's weights are resident as spectra; otherwise, and for direct ones, as taps, from which
  /// those of a chunk are made each time.
  bool spectra_resident;
  int64_t resident_bytes;
  CudaConvolutionPlan plan;
};

/// What a decoder does on a device model, and what of its memory it takes. The length projection is not in it.
struct CudaDecoderPlan {
  std::vector<CudaPlannedConvolution> convolutions;
  int64_t value_bytes;       ///< normalisations and biases, float32
  int64_t activation_bytes;  ///< there at the same time, float32
  int64_t memory_bytes;      ///< what all of it may take

  int64_t weight_bytes() const;     ///< of the convolutions, as spectra or taps
  int64_t workspace_bytes() const;  ///< the largest
  int64_t device_bytes() const { return weight_bytes() + value_bytes + activation_bytes + workspace_bytes(); }

  double norm_statistics_seconds;  ///< of all layers' normalisations
  CudaCost cost() const;           ///< of all convolutions
  double seconds() const { return norm_statistics_seconds + cost().total(); }
  double executed_multiply_adds() const;
  double direct_multiply_adds() const;
};

/// Bytes of a weight's taps, float32.
int64_t cuda_weight_tap_bytes(const ConvolutionShape& shape);

/// Bytes of the activations that a decoder has at the same time, at most.
int64_t cuda_activation_bytes(const std::vector<Feature>& features, int64_t batch);

/// Weights become resident in their order: as spectra where these fit beside the others' taps, the activations and the
/// workspace; `options.spectra_resident` is ignored, `options.workspace_bytes` shrinks where memory is short of it.
/// memory_bytes 0: the device model's, less what the system reserves. Error(kInvalidArgument) as plan_cuda_convolution,
/// and for fewer than two features; Error(kOutOfMemory) that names what is needed where not even the taps fit.
CudaDecoderPlan plan_cuda_decoder(const std::vector<Feature>& features, int64_t kernel, int64_t batch,
                                  const CudaPlanOptions& options, int64_t memory_bytes = 0);

}  // namespace dnd
