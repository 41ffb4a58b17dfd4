#pragma once

#include <optional>

#include "plan/cuda_cost.h"
#include "plan/cuda_plan.h"

namespace dnd {

/// Bytes of a chunk's parts of the workspace, each rounded up to 256.
struct CudaChunkBytes {
  int64_t scale, scale_parts, tile_spectra, product, weights;
  int64_t total() const { return scale + scale_parts + tile_spectra + product + weights; }
};
CudaChunkBytes cuda_chunk_bytes(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk,
                                DndPrecision precision, bool spectra_resident);

/// A tile and a few output channels at a time.
CudaChunk cuda_least_chunk(const ConvolutionShape& shape);

struct CudaChunkChoice {
  CudaChunk chunk;
  int product_tile;
  CudaCost cost;
};

/// The chunk predicted to be fastest among those that fit into the workspace; nothing where even the least does not.
/// What a larger workspace has to choose from contains what a smaller one has.
/// `all_outs`: of those with all output channels only, a quick look.
std::optional<CudaChunkChoice> choose_cuda_chunk(const ConvolutionShape& shape, const CudaTiling& tiling,
                                                 const CudaPlanOptions& options, const CudaRates& rates,
                                                 bool all_outs = false);

}  // namespace dnd
