#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "cuda/device/code.h"
#include "cuda/device/reduce.h"
#include "cuda/kernels/attention.h"

/// What the two kernels of attention have in common: which head a block works on, and which keys it must see.
namespace dnd::cuda::attention {

/// One head of one sequence.
struct Head {
  const float *query, *key, *value;  ///< row 0
  const int32_t* mask;
  float* y;
  int64_t row_stride, y_stride;
  int rows;

  __device__ __forceinline__ Head(const AttentionArguments& a, int64_t sequence, int64_t head) {
    const int64_t begin = a.offsets[sequence], width = a.heads * a.head_width;
    rows = static_cast<int>(a.offsets[sequence + 1] - begin);
    row_stride = 3 * width;
    y_stride = width;
    query = a.qkv + begin * row_stride + head * a.head_width;
    key = query + width;
    value = key + width;
    mask = a.mask + begin;
    y = a.y + begin * y_stride + head * a.head_width;
  }

  /// Keys up to the last real one: what follows would get the weight zero. All keys where none is real.
  __device__ __forceinline__ int keys(int* shared) const {
    int end = 0;
    for (int row = static_cast<int>(thread_index().x); row < rows; row += static_cast<int>(block_size().x)) {
      if (mask[row] != 0) end = row + 1;
    }
    const int last = block_largest(end, shared);
    return last == 0 ? rows : last;
  }

  /// The most that a key's score may be: no limit, the lowest finite number for padding, and −∞ beyond the keys, so
  /// that a softmax of padding alone is uniform.
  __device__ __forceinline__ float limit(int key_row, int keys) const {
    if (key_row >= keys) return -INFINITY;
    return mask[key_row] != 0 ? INFINITY : -FLT_MAX;
  }
};

}  // namespace dnd::cuda::attention
