#include "plan/cuda_tilings.h"

#include <iterator>
#include <optional>

#include "plan/cuda_cost.h"
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

CudaTilingCandidate with_product_tile(const ConvolutionShape& shape, const CudaTiling& tiling, DndPrecision precision,
                                      const CudaRates& rates) {
  const CudaChunk whole = {shape.batch * tiling.picture_tiles(), shape.out_channels};
  CudaTilingCandidate best{tiling, 0, cuda_spectral_cost(shape, tiling, 0, whole, precision, true, rates)};
  for (int tile = 1; tile < static_cast<int>(std::size(kCudaProductTiles)); ++tile) {
    const CudaCost cost = cuda_spectral_cost(shape, tiling, tile, whole, precision, true, rates);
    if (cost.total() < best.cost.total()) best = {tiling, tile, cost};
  }
  return best;
}

}  // namespace

std::vector<CudaTilingCandidate> cuda_tilings(ConvolutionShape shape, DndPrecision precision, const CudaRates& rates) {
  std::vector<CudaTilingCandidate> candidates;
  if (shape.kernel > kLargestSpectralKernel) return candidates;
  shape.batch = 1;
  for (bool halved_is_rows : {true, false}) {
    const int64_t halved_size = halved_is_rows ? shape.size_i : shape.size_j;
    const int64_t full_size = halved_is_rows ? shape.size_j : shape.size_i;
    for (int64_t halved_points : kCudaTransformSizes) {
      const auto halved = tile_axis(halved_size, shape.kernel, halved_points);
      if (!halved) continue;
      for (int64_t full_points : kCudaTransformSizes) {
        const auto full = tile_axis(full_size, shape.kernel, full_points);
        if (!full) continue;
        candidates.push_back(with_product_tile(shape, {*full, *halved, halved_is_rows}, precision, rates));
      }
    }
  }
  return candidates;
}

}  // namespace dnd
