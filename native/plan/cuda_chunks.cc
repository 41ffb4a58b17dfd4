#include "plan/cuda_chunks.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace dnd {
namespace {

constexpr int64_t kPart = 256;       ///< bytes that a part of the workspace is rounded up to
constexpr int64_t kBlockOuts = 128;  ///< output channels of every product tile
constexpr int64_t kLeastOuts = 4;

/// 1, 2, 3, 4, 6, 8, 12, … and `most`: into how many chunks something is cut.
std::vector<int64_t> counts_up_to(int64_t most) {
  std::vector<int64_t> counts;
  for (int64_t power = 1; power < most; power *= 2) {
    counts.push_back(power);
    if (power > 1 && power / 2 * 3 < most) counts.push_back(power / 2 * 3);
  }
  counts.push_back(most);
  return counts;
}

/// Whole tasks, then parts of one.
std::vector<int64_t> tiles_of_chunks(int64_t batch, int64_t plane_tiles) {
  std::vector<int64_t> tiles;
  for (int64_t count : counts_up_to(batch)) tiles.push_back(divide_up(batch, count) * plane_tiles);
  for (int64_t count : counts_up_to(plane_tiles)) tiles.push_back(divide_up(plane_tiles, count));
  return tiles;
}

/// All, whole blocks of the product, then parts of one.
std::vector<int64_t> outs_of_chunks(int64_t outs) {
  std::vector<int64_t> sizes;
  for (int64_t count : counts_up_to(divide_up(outs, kBlockOuts))) {
    sizes.push_back(std::min(outs, round_up(divide_up(outs, count), kBlockOuts)));
  }
  for (int64_t size = kBlockOuts / 2; size >= kLeastOuts; size /= 2) {
    if (size < outs) sizes.push_back(size);
  }
  return sizes;
}

}  // namespace

CudaChunkBytes cuda_chunk_bytes(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk,
                                DndPrecision precision, bool spectra_resident) {
  const int64_t components = 2 * tiling.frequencies(), number = cuda_spectrum_bytes(precision);
  const int64_t pitch = cuda_channel_pitch(shape.channels);
  constexpr int64_t kFloat = sizeof(float);
  const int64_t numbers = shape.channels * shape.size_i * shape.size_j;
  return {.scale = round_up(shape.batch * kFloat, kPart),
          .scale_parts = round_up(shape.batch * cuda_scale_parts(numbers) * kFloat, kPart),
          .tile_spectra = round_up(components * chunk.tiles * pitch * number, kPart),
          .product = round_up(components * chunk.tiles * cuda_output_pitch(chunk.outs) * kFloat, kPart),
          .weights = spectra_resident ? 0 : round_up(components * chunk.outs * pitch * number, kPart)};
}

CudaChunk cuda_least_chunk(const ConvolutionShape& shape) { return {1, std::min(kLeastOuts, shape.out_channels)}; }

std::optional<CudaChunkChoice> choose_cuda_chunk(const ConvolutionShape& shape, const CudaTiling& tiling,
                                                 const CudaPlanOptions& options, const CudaRates& rates,
                                                 bool all_outs) {
  std::optional<CudaChunkChoice> best;
  const std::vector<int64_t> sizes =
      all_outs ? std::vector<int64_t>{shape.out_channels} : outs_of_chunks(shape.out_channels);
  for (int64_t tiles : tiles_of_chunks(shape.batch, tiling.plane_tiles())) {
    for (int64_t outs : sizes) {
      const CudaChunk chunk = {tiles, outs};
      const CudaChunkBytes bytes = cuda_chunk_bytes(shape, tiling, chunk, options.precision, options.spectra_resident);
      if (bytes.total() > options.workspace_bytes) continue;
      if (best && cuda_launch_seconds(shape, tiling, chunk) >= best->cost.total()) continue;
      CudaCost cost = cuda_transform_cost(shape, tiling, chunk, options.precision, options.spectra_resident, rates);
      for (int tile = 0; tile < static_cast<int>(std::size(kCudaProductTiles)); ++tile) {
        cost.product = 0;
        if (best && cost.total() >= best->cost.total()) break;
        cost.product =
            cuda_product_cost(shape, tiling, tile, chunk, options.precision, options.spectra_resident, rates);
        if (!best || cost.total() < best->cost.total()) best = {chunk, tile, cost};
      }
    }
  }
  return best;
}

}  // namespace dnd
