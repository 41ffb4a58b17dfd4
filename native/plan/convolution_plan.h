#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "plan/spectral_cost.h"
#include "plan/spectral_plan.h"

namespace dnd {

enum class Algorithm { kDirect, kSpectral };

/// All that a plan depends on besides the shape. The number of threads is not among it.
struct PlanOptions {
  std::string instruction_set;  ///< a name in plan/rates.h
  DndAlgorithm algorithm = kDndAuto;
  int64_t workspace_bytes = kDefaultWorkspaceBytes;  ///< half of it for tile spectra, half for the threads

  /// Enough for tiles as large as pay off; more tasks at a time than fit are taken one chunk after the other.
  static constexpr int64_t kDefaultWorkspaceBytes = int64_t{1} << 30;
};

/// The best of a class of candidates, and why it was not taken.
struct RejectedCandidate {
  std::string candidate;
  std::string reason;
};

struct ConvolutionPlan {
  ConvolutionShape shape;
  Algorithm algorithm;
  SpectralPlan spectral;  ///< of the spectral algorithm, also when it was not taken; no tiles when there is none
  SpectralCost spectral_cost;
  double direct_seconds;  ///< predicted, one thread
  std::vector<RejectedCandidate> rejected;

  bool has_spectral() const { return spectral.halved.points > 0; }
  double seconds() const { return algorithm == Algorithm::kDirect ? direct_seconds : spectral_cost.total(); }
  /// Multiply-adds that are executed, and those of the direct algorithm without padding taps.
  double executed_multiply_adds() const;
  double direct_multiply_adds() const;
  /// Tile spectra held at once; 0 for the direct algorithm.
  int64_t tile_spectra_bytes() const;
};

/// Error(kInvalidArgument) for an even kernel and a size below 1.
void check_shape(const ConvolutionShape& shape);

/// The requested algorithm, or else, where both are possible, the one that is predicted to be faster.
Algorithm cheaper(DndAlgorithm wanted, double spectral_seconds, double direct_seconds);

/// Pure: the same shape and options give the same plan everywhere. Error(kInvalidArgument) for an even kernel, a size
/// below 1, an unknown instruction set, and for kSpectral with a kernel of more than kLargestSpectralKernel taps;
/// Error(kOutOfMemory) for kSpectral where the workspace is too small for any tile.
ConvolutionPlan plan_convolution(const ConvolutionShape& shape, const PlanOptions& options);

}  // namespace dnd
