#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>

#include "cuda/device/reduce.h"
#include "cuda/kernels/attention.h"
#include "toolkit/device_code.h"

/// What the two kernels of attention have in common: which head a block works on, and which keys it must see.
namespace dnd::cuda::attention {

/// One head of one sequence.
struct Head {
  const float *query, *key, *value;  ///< row 0
  const int32_t* mask;
  int64_t row_stride;
  int rows;

  __device__ __forceinline__ Head(const AttentionArguments& a, unsigned sequence, unsigned head) {
    const int64_t begin = a.offsets[sequence], width = a.heads * a.head_width;
    rows = static_cast<int>(a.offsets[sequence + 1] - begin);
    row_stride = 3 * width;
    query = a.qkv + begin * row_stride + head * a.head_width;
    key = query + width;
    value = key + width;
    mask = a.mask + begin;
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

/// Row 0 of the head's output, rows being heads · head_width apart. It is recomputed when it is needed, so that no
/// register keeps it while the keys go by.
__device__ __forceinline__ float* output_of(const AttentionArguments& a, unsigned sequence, unsigned head) {
  return a.y + (a.offsets[sequence] * a.heads + head) * a.head_width;
}

}  // namespace dnd::cuda::attention
