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
/// tiles' spectra, channels × tiles times tiles × output channels; then the transform back, only at the k² taps.
struct SpectralGradientPlan {
  TileAxis halved, full;  ///< as of SpectralPlan
  bool halved_is_i;
  bool outs_are_lanes;  ///< output channels are the lanes of the product's vectors and input channels its rows; or not
  int64_t slab_rows;    ///< rows of a slab of spectra
  int64_t group_lanes;  ///< lanes whose spectra are held at once
  int64_t chunk_tiles;  ///< tiles whose spectra are held at once; several chunks add up
  int64_t threads_bytes = INT64_MAX;  ///< what all threads' memory together should not exceed

  constexpr int64_t frequencies() const { return full.points * (halved.points / 2) + 2; }
  constexpr int64_t plane_tiles() const { return halved.tiles() * full.tiles(); }
};

/// Predicted seconds of one thread.
struct SpectralGradientCost {
  double forward = 0;  ///< tiles of both tensors to spectra
  double product = 0;
  double taps = 0;  ///< from spectra to taps
  double total() const { return forward + product + taps; }
};

struct WeightGradientPlan {
  ConvolutionShape shape;
  Algorithm algorithm;
  SpectralGradientPlan spectral;  ///< also when it was not taken; no tiles when there is none
  SpectralGradientCost spectral_cost;
  double direct_seconds;  ///< predicted, one thread

  bool has_spectral() const { return spectral.halved.points > 0; }
  double seconds() const { return algorithm == Algorithm::kDirect ? direct_seconds : spectral_cost.total(); }
  double executed_multiply_adds() const;
  double direct_multiply_adds() const;
};

/// Bytes of the spectra that are held at once, padding between components included.
int64_t gradient_spectra_bytes(const ConvolutionShape& shape, const SpectralGradientPlan& plan, int64_t panel_lanes);

/// Floats of a thread's workspace when it takes so many rows and lanes of the product at a time.
struct GradientThreadFloats {
  int64_t column, rows, slab, sums, scratch;
  int64_t total() const { return rows + slab + sums + scratch; }
};
GradientThreadFloats gradient_thread_floats(const ConvolutionShape& shape, const SpectralGradientPlan& plan,
                                            int64_t rows, int64_t panel_lanes, int64_t slab_steps, int64_t lanes);

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
