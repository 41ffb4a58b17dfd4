#pragma once

#include <cstdint>
#include <vector>

#include "core/feature.h"
#include "plan/convolution_plan.h"

namespace dnd {

/// The five convolutions of a layer, in the order of their execution: the path that takes the width first (A), the path
/// that takes the height first (P), and the one over tokens.
enum class LayerConvolution { kWidthFirst, kThenHeight, kHeightFirst, kThenWidth, kTokens };
inline constexpr LayerConvolution kLayerConvolutions[] = {LayerConvolution::kWidthFirst, LayerConvolution::kThenHeight,
                                                          LayerConvolution::kHeightFirst, LayerConvolution::kThenWidth,
                                                          LayerConvolution::kTokens};

/// "width, then height: width" and so on.
const char* name_of(LayerConvolution convolution);

/// Plane and channels of one of a layer's convolutions.
ConvolutionShape shape_of(LayerConvolution convolution, const Feature& from, const Feature& to, int64_t kernel,
                          int64_t batch);

/// One of a decoder's convolutions.
struct LayerStep {
  int64_t layer;
  LayerConvolution convolution;
  ConvolutionShape shape;
};

/// All of them, in the order of their execution. Error(kInvalidArgument) for fewer than two features.
std::vector<LayerStep> steps_of(const std::vector<Feature>& features, int64_t kernel, int64_t batch);

struct PlannedConvolution {
  int64_t layer;
  LayerConvolution convolution;
  ConvolutionPlan plan;
};

struct DecoderPlan {
  std::vector<PlannedConvolution> convolutions;

  double seconds() const { return sum(&ConvolutionPlan::seconds); }  ///< predicted, one thread
  double direct_multiply_adds() const { return sum(&ConvolutionPlan::direct_multiply_adds); }
  double executed_multiply_adds() const { return sum(&ConvolutionPlan::executed_multiply_adds); }
  int64_t largest_tile_spectra_bytes() const;

 private:
  double sum(double (ConvolutionPlan::*of)() const) const;
};

/// Error(kInvalidArgument) as plan_convolution, and for fewer than two features.
DecoderPlan plan_decoder(const std::vector<Feature>& features, int64_t kernel, int64_t batch,
                         const PlanOptions& options);

}  // namespace dnd
