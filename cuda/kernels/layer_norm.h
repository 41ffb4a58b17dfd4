#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"

/// `layer_norm` and `norm_statistics` (of rows alone) of native/backend.h. Sums are of doubles, in
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

/// x [rows, columns], mean_rstd [rows, 3]: the mean as the nearest float, its residue, rstd = 1 / √(var + eps).
struct NormStatisticsArguments {
  const float* x;
  int64_t rows, columns;
  float eps;
  float* mean_rstd;
};

/// The order of a row's sums depends on `columns` and on whether the pointers are multiples of 16 bytes.
void launch_layer_norm(runtime::Stream stream, const LayerNormArguments& arguments);
void launch_norm_statistics(runtime::Stream stream, const NormStatisticsArguments& arguments);

void launch_layer_norm_naive(runtime::Stream stream, const LayerNormArguments& arguments);
void launch_norm_statistics_naive(runtime::Stream stream, const NormStatisticsArguments& arguments);

}  // namespace dnd::cuda
