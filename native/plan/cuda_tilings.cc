#include "plan/cuda_tilings.h"

#include <optional>

#include "plan/cuda_chunks.h"
#include "plan/transform_sizes.h"

namespace dnd {
namespace {

std::optional<TileAxis> tile_axis(int64_t size, int64_t kernel, int64_t points) {
  const TileAxis axis = {size, kernel, points};
  if (!axis.whole() && points < kernel) return std::nullopt;
  // A larger tile than the one that holds the whole axis only adds padding.
  for (int64_t smaller : kCudaTransformSizes) {
    if (smaller < points && TileAxis{size, kernel, smaller}.whole()) return std::nullopt;
  }
  return axis;
}

}  // namespace

std::vector<CudaTilingCandidate> cuda_tilings(ConvolutionShape shape, DndPrecision precision, const CudaRates& rates) {
  std::vector<CudaTilingCandidate> candidates;
  if (shape.kernel > kLargestSpectralKernel) return candidates;
  shape.batch = 1;
  CudaPlanOptions options;
  options.precision = precision;
  options.workspace_bytes = INT64_MAX;
  for (bool halved_is_rows : {true, false}) {
    const int64_t halved_size = halved_is_rows ? shape.size_i : shape.size_j;
    const int64_t full_size = halved_is_rows ? shape.size_j : shape.size_i;
    for (int64_t halved_points : kCudaTransformSizes) {
      const auto halved = tile_axis(halved_size, shape.kernel, halved_points);
      if (!halved) continue;
      for (int64_t full_points : kCudaTransformSizes) {
        const auto full = tile_axis(full_size, shape.kernel, full_points);
        if (!full) continue;
        const CudaTiling tiling = {*full, *halved, halved_is_rows};
        candidates.push_back({tiling, choose_cuda_chunk(shape, tiling, options, rates, true)->cost});
      }
    }
  }
  return candidates;
}

}  // namespace dnd
