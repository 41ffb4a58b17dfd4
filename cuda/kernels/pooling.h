#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"

/// Mean of a sequence's real rows: `mean_pool` of native/backend.h.
namespace dnd::cuda {

/// y[s] = mean of those rows offsets[s] … offsets[s + 1] of x whose mask is not 0, zeros where there is none.
/// x [rows, columns], mask int32 [rows], offsets int64 [sequences + 1], y [sequences, columns], all on the device.
struct MeanPoolArguments {
  const float* x;
  const int32_t* mask;
  const int64_t* offsets;
  int64_t sequences, columns;
  float* y;
};

/// Sums are of doubles.
void launch_mean_pool(runtime::Stream stream, const MeanPoolArguments& arguments);
void launch_mean_pool_naive(runtime::Stream stream, const MeanPoolArguments& arguments);

}  // namespace dnd::cuda
