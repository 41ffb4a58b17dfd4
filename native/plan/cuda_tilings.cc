#include "plan/cuda_tilings.h"

#include "plan/cuda_chunks.h"
#include "plan/tilings.h"
#include "plan/transform_sizes.h"

namespace dnd {
std::vector<CudaTilingCandidate> cuda_tilings(ConvolutionShape shape, DndPrecision precision, const CudaRates& rates) {
  std::vector<CudaTilingCandidate> candidates;
  if (shape.kernel > kLargestSpectralKernel) return candidates;
  shape.batch = 1;
  CudaPlanOptions options;
  options.precision = precision;
  options.workspace_bytes = INT64_MAX;
  for_each_tiling(shape, kCudaTransformSizes, [&](const TileAxis& halved, const TileAxis& full, bool halved_is_rows) {
    const CudaTiling tiling = {full, halved, halved_is_rows};
    candidates.push_back({tiling, choose_cuda_chunk(shape, tiling, options, rates, true)->cost});
  });
  return candidates;
}

}  // namespace dnd
