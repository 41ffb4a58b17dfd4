#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/feature.h"
#include "plan/convolution_plan.h"
#include "plan/decoder_plan.h"

namespace dnd {

/// How the gradient of a convolution's weight is computed by the spectral algorithm. Tiles as of the forward
/// convolution (overlap-save for x; of dy the tile's outputs, zeros elsewhere); for each frequency the product of all
/// tiles' spectra, channels × tiles times tiles × output channels; then the transform back, kept at the k² taps only.
struct SpectralGradientPlan {
  TileAxis halved, full;  ///< as of SpectralPlan
  bool halved_is_i;
  int64_t block_channels;  ///< input channels of a block of the product
  int64_t block_outs;      ///< output channels of a block: a panel of vectors
  int64_t chunk_tiles;     ///< tiles whose spectra are held at once; several chunks add up
  int64_t threads_bytes = INT64_MAX;

  constexpr int64_t frequencies() const { return full.points * (halved.points / 2) + 2; }
  constexpr int64_t picture_tiles() const { return halved.tiles() * full.tiles(); }
};

struct WeightGradientPlan {
  ConvolutionShape shape;
  Algorithm algorithm;
  SpectralGradientPlan spectral;
  double spectral_seconds;  ///< predicted, one thread
  double direct_seconds;
  double seconds() const { return algorithm == Algorithm::kDirect ? direct_seconds : spectral_seconds; }
  double executed_multiply_adds() const;
  double direct_multiply_adds() const;
};

/// Pure, as plan_convolution, with its errors.
WeightGradientPlan plan_weight_gradient(const ConvolutionShape& shape, const PlanOptions& options);

enum class TrainingPassKind { kForward, kInputGradient, kWeightGradient };

struct PlannedTrainingConvolution {
  int64_t layer;
  LayerConvolution convolution;
  TrainingPassKind pass;
  Algorithm algorithm;
  double seconds, direct_multiply_adds, executed_multiply_adds;
};

/// All convolutions of one step over a batch: forward, then both gradients. (The first layer's gradients of its input
/// are among them: its normalisation needs them.)
std::vector<PlannedTrainingConvolution> plan_training(const std::vector<Feature>& features, int64_t kernel,
                                                      int64_t batch, const PlanOptions& options);

}  // namespace dnd
