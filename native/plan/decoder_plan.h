#pragma once

#include <cstdint>
#include <vector>

#include "plan/convolution_plan.h"

namespace dnd {

/// Tokens, height and width between two hyper-convolution layers.
struct PlannedFeature {
  int64_t tokens, height, width;
};

/// The five convolutions of a layer, in the order of their execution: the path that takes the width first (A), the path
/// that takes the height first (P), and the one over tokens.
enum class LayerConvolution { kWidthFirst, kThenHeight, kHeightFirst, kThenWidth, kTokens };

/// "width, then height: width" and so on.
const char* name_of(LayerConvolution convolution);

/// Picture and channels of one of a layer's convolutions.
ConvolutionShape shape_of(LayerConvolution convolution, const PlannedFeature& from, const PlannedFeature& to,
                          int64_t kernel, int64_t batch);

struct PlannedConvolution {
  int64_t layer;
  LayerConvolution convolution;
  ConvolutionPlan plan;
};

struct DecoderPlan {
  std::vector<PlannedConvolution> convolutions;

  double seconds() const;  ///< predicted, one thread
  double direct_multiply_adds() const;
  double executed_multiply_adds() const;
  int64_t largest_tile_spectra_bytes() const;
};

/// Error(kInvalidArgument) as plan_convolution, and for fewer than two features.
DecoderPlan plan_decoder(const std::vector<PlannedFeature>& features, int64_t kernel, int64_t batch,
                         const PlanOptions& options);

}  // namespace dnd
