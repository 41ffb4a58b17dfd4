#pragma once

#include "cuda/kernels/complex_gemm.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda {

/// The complex product with mma.sync: halves in, float sums. `product_tile` is an index into kCudaProductTiles
/// (native/plan/cuda_plan.h). Each number of Ŷ is one sum over the channels in a fixed order, the same for all tiles.
void complex_gemm_mma(runtime::Stream stream, const ComplexGemm<Half>& arguments, int product_tile);

/// The same by its specification, for tests.
void complex_gemm_naive(runtime::Stream stream, const ComplexGemm<Half>& arguments);

}  // namespace dnd::cuda
