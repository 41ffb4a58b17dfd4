#pragma once

#include "cuda/kernels/complex_gemm.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda {

/// The complex product in fp32, by fused multiply-adds in registers.
void complex_gemm_fp32(runtime::Stream stream, const ComplexGemm<float>& arguments);

/// The same by its specification, for tests.
void complex_gemm_naive(runtime::Stream stream, const ComplexGemm<float>& arguments);

}  // namespace dnd::cuda
