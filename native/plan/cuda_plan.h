#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"
#include "plan/convolution_plan.h"
#include "plan/cuda_rates.h"
#include "plan/tile_axis.h"

namespace dnd {

/// Points of a tile's axis that the CUDA transforms are written for.
inline constexpr int64_t kCudaTransformSizes[] = {14, 16, 24, 32};

/// How the planes of a convolution are cut into tiles, and which numbers a tile's spectrum holds (docs/cuda.md). It
/// depends on the convolution of one task alone, so that weight spectra serve every batch.
struct CudaTiling {
  TileAxis full;
  TileAxis halved;  ///< transformed as real lines
  bool halved_is_rows;

  constexpr int64_t frequencies() const { return full.points * halved.points / 2 + 2; }
  constexpr int64_t plane_tiles() const { return full.tiles() * halved.tiles(); }
  bool operator==(const CudaTiling&) const = default;
};

/// Rows between two channels-long lines of tile and weight spectra, in elements: a multiple of 16 bytes.
constexpr int64_t cuda_channel_pitch(int64_t channels) { return round_up(channels, 8); }
/// Floats between two tiles of a product's spectra.
constexpr int64_t cuda_output_pitch(int64_t outs) { return round_up(outs, 4); }

/// A block of threads' part of the complex product: rows are tiles, columns output channels.
struct CudaProductTile {
  int tiles, outs;              ///< of a block
  int warps_tiles, warps_outs;  ///< how the warps share them
  int stages;                   ///< of 32 channels, copied ahead
};
inline constexpr CudaProductTile kCudaProductTiles[] = {
    {16, 128, 1, 4, 4}, {32, 128, 1, 4, 4}, {64, 128, 1, 4, 3}, {128, 128, 2, 4, 3}};

/// Largest magnitudes of parts of a task's input that the scale's kernel keeps until it knows the task's: as
/// tensor_scale_parts of cuda/kernels/tensor_scale.h.
constexpr int64_t cuda_scale_parts(int64_t numbers_of_task) {
  return std::clamp<int64_t>(divide_up(numbers_of_task, 8192), 1, 512);
}

struct CudaPlanOptions {
  std::string device_model;  ///< a name in plan/cuda_rates.h
  DndAlgorithm algorithm = kDndAuto;
  DndPrecision precision = kDndMixed;
  int64_t workspace_bytes = PlanOptions::kDefaultWorkspaceBytes;
  bool spectra_resident = true;  ///< weight spectra are resident; otherwise those of a chunk are made in the workspace
};

/// Predicted seconds.
struct CudaCost {
  double scale = 0;    ///< largest magnitude of each task's input
  double forward = 0;  ///< tiles to spectra
  double weights = 0;  ///< weight spectra, if they are not resident
  double product = 0;
  double inverse = 0;
  double direct = 0;
  double total() const { return scale + forward + weights + product + inverse + direct; }
};

struct CudaConvolutionPlan {
  ConvolutionShape shape;
  Algorithm algorithm;
  CudaTiling tiling;    ///< of the spectral algorithm; all zeros for the direct one, as is what follows
  int product_tile;     ///< index into kCudaProductTiles
  int64_t chunk_tiles;  ///< tiles whose spectra are held at once
  int64_t chunk_outs;   ///< output channels whose product, and weight spectra if not resident, are there at once
  int64_t workspace_bytes;
  CudaCost cost;
  std::vector<RejectedCandidate> rejected;

  int64_t tiles() const { return algorithm == Algorithm::kDirect ? 0 : shape.batch * tiling.plane_tiles(); }
  int64_t tile_chunks() const { return algorithm == Algorithm::kDirect ? 1 : divide_up(tiles(), chunk_tiles); }
  int64_t out_chunks() const { return algorithm == Algorithm::kDirect ? 1 : divide_up(shape.out_channels, chunk_outs); }
  /// Multiply-adds that are executed, transforms not counted; and those of the direct algorithm without padding taps.
  double executed_multiply_adds() const;
  double direct_multiply_adds() const;
  /// Bytes of the parts of the workspace, each rounded up to 256: one power of two per task, the parts of their
  /// magnitudes, tile spectra, product, weight spectra (0 if they are resident).
  int64_t scale_bytes() const;
  int64_t scale_part_bytes() const;
  int64_t tile_spectra_bytes(DndPrecision precision) const;
  int64_t product_bytes() const;
  int64_t chunk_weight_bytes(DndPrecision precision, bool spectra_resident) const;
};

/// Bytes of all spectra of a weight.
int64_t cuda_weight_spectra_bytes(const ConvolutionShape& shape, const CudaTiling& tiling, DndPrecision precision);

/// The tiling of a convolution on a device model: the same for every batch, workspace and requested algorithm.
/// Error(kInvalidArgument) as plan_cuda_convolution, and for kernels that have no spectral convolution.
CudaTiling cuda_tiling(const ConvolutionShape& shape, const std::string& device_model, DndPrecision precision);

/// Bytes of the least workspace that the convolution can be computed in.
int64_t cuda_least_workspace(const ConvolutionShape& shape, const CudaPlanOptions& options);

/// Pure. The algorithm, like the tiling, is chosen for one task with all memory; direct where that is predicted to be
/// faster, and always for kernels of more than kLargestSpectralKernel taps. Chunks are those predicted to be fastest
/// within the workspace. Error(kInvalidArgument) as plan_convolution, and for an unknown device model;
/// Error(kOutOfMemory), which names a workspace that would do, where the least chunk exceeds the workspace.
CudaConvolutionPlan plan_cuda_convolution(const ConvolutionShape& shape, const CudaPlanOptions& options);

}  // namespace dnd
