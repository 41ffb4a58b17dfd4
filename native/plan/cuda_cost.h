#pragma once

#include "plan/cuda_plan.h"

/// Predicted time of a convolution on a device model, from the bytes and operations of its kernels (docs/cuda.md).
/// Modelled: the constants are stated with their reasons, none has been measured.
namespace dnd {

/// What of a convolution is there at once.
struct CudaChunk {
  int64_t tiles, outs;
};

/// A spectral convolution as a whole, in chunks, but for its product.
CudaCost cuda_transform_cost(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk,
                             DndPrecision precision, bool spectra_resident, const CudaRates& rates);
/// The product of all its chunks.
double cuda_product_cost(const ConvolutionShape& shape, const CudaTiling& tiling, int product_tile,
                         const CudaChunk& chunk, DndPrecision precision, bool spectra_resident, const CudaRates& rates);

/// What no such convolution is below: the launches of its chunks' kernels.
double cuda_launch_seconds(const ConvolutionShape& shape, const CudaTiling& tiling, const CudaChunk& chunk);

CudaCost cuda_direct_cost(const ConvolutionShape& shape, const CudaRates& rates);

/// Seconds of the complex product of one chunk: `tiles` × `channels` times `channels` × `outs` for each frequency.
/// `weights_made`: their spectra were written just before, and may still be in the second-level cache.
double cuda_product_seconds(int64_t frequencies, const CudaChunk& chunk, int64_t channels, int product_tile,
                            DndPrecision precision, bool weights_made, const CudaRates& rates);

/// Seconds of moving bytes from or to memory, when `working_set` bytes were touched since they were last: what fits
/// into the second-level cache has not left it.
double cuda_transfer_seconds(double bytes, double working_set, const CudaRates& rates);

/// Multiply-adds of the complex product, padding of the blocks not counted.
double cuda_product_multiply_adds(const ConvolutionShape& shape, const CudaTiling& tiling);

/// Bytes of a number of a spectrum.
constexpr int64_t cuda_spectrum_bytes(DndPrecision precision) { return precision == kDndFloat32 ? 4 : 2; }

}  // namespace dnd
