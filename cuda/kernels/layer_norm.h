#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"

/// LayerNorm, and the moments of rows alone: `layer_norm` and `moments` of native/backend.h. Sums are of doubles, in
/// one pass over the row.
namespace dnd::cuda {

/// x, y [rows, columns], weight, bias [columns], all float32 on the device; y may be x.
struct LayerNormArguments {
  const float* x;
  int64_t rows, columns;
  const float *weight, *bias;
  float eps;
  float* y;
};

/// x [rows, columns], moments [rows, 3]: the mean as the nearest float, what that misses, 1 / √(var + eps).
struct MomentsArguments {
  const float* x;
  int64_t rows, columns;
  float eps;
  float* moments;
};

/// The order of a row's sums depends on `columns` and on whether the pointers are multiples of 16 bytes.
void launch_layer_norm(runtime::Stream stream, const LayerNormArguments& arguments);
void launch_moments(runtime::Stream stream, const MomentsArguments& arguments);

void launch_layer_norm_naive(runtime::Stream stream, const LayerNormArguments& arguments);
void launch_moments_naive(runtime::Stream stream, const MomentsArguments& arguments);

}  // namespace dnd::cuda
