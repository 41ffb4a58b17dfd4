#pragma once

#include "cuda/kernels/attention_keys.h"

/// Attention in float32 throughout, for heads of any width. A block has 64 queries and 64 columns of the output; heads
/// wider than that compute their scores once for every 64 columns. Each of 16 × 16 threads has a 4 × 4 part of the
/// scores, and then of the outputs.
namespace dnd::cuda::attention_float {

inline constexpr int kRows = 64, kColumns = 64;
inline constexpr int kDepth = 32;  ///< of the head's width at a time
inline constexpr int kPitch = 68;  ///< floats of a line in shared memory: lines then begin in different banks
inline constexpr int kThreads = 256;
/// Queries and keys [depth][row], in whose place values [key][column] follow; weights [key][query]; limits; a row count
/// of each warp.
inline constexpr int kStageFloats = 2 * kDepth * kPitch, kWeightFloats = kRows * kPitch;
inline constexpr int kSharedBytes = (kStageFloats + kWeightFloats + kRows + kThreads / 32) * 4;
static_assert(kStageFloats >= kRows * kPitch);

/// to[depth][row] of 64 rows from `begin` on, zeros outside. A warp takes 4 rows of 8 neighbouring floats.
__device__ __forceinline__ void load_transposed(const float* from, int64_t row_stride, int begin, int rows, int depth,
                                                int depths, float* to) {
  for (int i = static_cast<int>(thread_index().x); i < kRows * kDepth; i += static_cast<int>(block_size().x)) {
    const int d = i % 8 + i / 32 % (kDepth / 8) * 8, row = i / 8 % 4 + i / (4 * kDepth) * 4;
    const bool inside = begin + row < rows && depth + d < depths;
    to[d * kPitch + row] = inside ? from[(begin + row) * row_stride + depth + d] : 0;
  }
}

/// sums[4][4] += a · bᵀ for this thread's 4 of each line of a and b, [depths][68] each.
__device__ __forceinline__ void multiply(const float* a, const float* b, int depths, float (&sums)[4][4]) {
  for (int d = 0; d < depths; ++d) {
    const float4 left = *reinterpret_cast<const float4*>(a + d * kPitch);
    const float4 right = *reinterpret_cast<const float4*>(b + d * kPitch);
    const float l[4] = {left.x, left.y, left.z, left.w}, r[4] = {right.x, right.y, right.z, right.w};
    DND_UNROLL
    for (int i = 0; i < 4; ++i) {
      DND_UNROLL
      for (int j = 0; j < 4; ++j) sums[i][j] += l[i] * r[j];
    }
  }
}

__global__ void __launch_bounds__(kThreads, 2) kernel(AttentionArguments a) {
  const auto row_blocks = static_cast<unsigned>((a.longest + kRows - 1) / kRows);
  const auto column_blocks = static_cast<unsigned>((a.head_width + kColumns - 1) / kColumns);
  const unsigned heads = static_cast<unsigned>(a.heads);
  const unsigned pair = block_index().x / row_blocks / column_blocks;
  const attention::Head head(a, pair / heads, pair % heads);
  const int first = static_cast<int>(block_index().x % row_blocks) * kRows;
  const int first_column = static_cast<int>(block_index().x / row_blocks % column_blocks) * kColumns;
  if (first >= head.rows) return;

  float* stage = shared_memory<float>();
  float* weights = stage + kStageFloats;
  float* limits = weights + kWeightFloats;
  const int key_rows = head.keys(reinterpret_cast<int*>(limits + kRows));
  const int thread = static_cast<int>(thread_index().x), y = thread / 16 * 4, x = thread % 16 * 4;
  const int head_width = static_cast<int>(a.head_width);
  const float scale = 1.0f / sqrtf(static_cast<float>(head_width));

  float largest[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}, total[4] = {}, outputs[4][4] = {};
  for (int begin = 0; begin < key_rows; begin += kRows) {
    if (thread < kRows) limits[thread] = head.limit(begin + thread, key_rows);
    float scores[4][4] = {};
    for (int depth = 0; depth < head_width; depth += kDepth) {
      load_transposed(head.query, head.row_stride, first, head.rows, depth, head_width, stage);
      load_transposed(head.key, head.row_stride, begin, key_rows, depth, head_width, stage + kDepth * kPitch);
      block_barrier();
      multiply(stage + y, stage + kDepth * kPitch + x, kDepth, scores);
      block_barrier();
    }
    for (int i = thread; i < kRows * kColumns; i += static_cast<int>(block_size().x)) {
      const int key = i / kColumns, column = i % kColumns;
      const bool inside = begin + key < key_rows && first_column + column < head_width;
      stage[key * kPitch + column] = inside ? head.value[(begin + key) * head.row_stride + first_column + column] : 0;
    }
    DND_UNROLL
    for (int i = 0; i < 4; ++i) {
      float now = largest[i], sum = 0;
      DND_UNROLL
      for (int j = 0; j < 4; ++j) {
        scores[i][j] = fminf(scores[i][j] * scale, limits[x + j]);
        now = fmaxf(now, scores[i][j]);
      }
      now = warp_largest<16>(now);
      const float factor = expf(largest[i] - now);
      largest[i] = now;
      DND_UNROLL
      for (int j = 0; j < 4; ++j) {
        scores[i][j] = expf(scores[i][j] - now);
        sum += scores[i][j];
        weights[(x + j) * kPitch + y + i] = scores[i][j];
        outputs[i][j] *= factor;
      }
      total[i] = total[i] * factor + sum;
    }
    block_barrier();
    float sums[4][4] = {};
    multiply(weights + y, stage + x, kRows, sums);
    DND_UNROLL
    for (int i = 0; i < 4; ++i) {
      DND_UNROLL
      for (int j = 0; j < 4; ++j) outputs[i][j] += sums[i][j];
    }
    block_barrier();
  }

  float* to = attention::output_of(a, pair / heads, pair % heads);
  DND_UNROLL
  for (int i = 0; i < 4; ++i) {
    const float share = 1.0f / warp_sum<16>(total[i]);
    DND_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int column = first_column + x + j;
      if (first + y + i < head.rows && column < head_width) {
        to[(first + y + i) * a.heads * a.head_width + column] = outputs[i][j] * share;
      }
    }
  }
}

}  // namespace dnd::cuda::attention_float
