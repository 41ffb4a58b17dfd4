#include "core/integers.h"
#include "cuda/kernels/embed.h"
#include "cuda/kernels/grid.h"
#include "toolkit/device_code.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

// The specification: one thread for each element.

__global__ void embed_naive_kernel(EmbedArguments a) {
  const int64_t i = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (i >= a.rows * a.columns) return;
  const int64_t row = i / a.columns, column = i % a.columns;
  a.y[i] = a.word[a.ids[row] * a.columns + column] + a.position[a.positions[row] * a.columns + column] + a.type[column];
}

// The kernel: one warp for each row, and no division.

constexpr int kWarps = 8;

template <bool kQuads>
__global__ void __launch_bounds__(32 * kWarps) embed_kernel(EmbedArguments a) {
  const int64_t row = int64_t{block_index().x} * kWarps + thread_index().x / 32;
  if (row >= a.rows) return;
  const float* word = a.word + a.ids[row] * a.columns;
  const float* position = a.position + a.positions[row] * a.columns;
  float* y = a.y + row * a.columns;
  if constexpr (kQuads) {
    for (int64_t i = lane_index(); i < a.columns / 4; i += 32) {
      const float4 w = reinterpret_cast<const float4*>(word)[i], p = reinterpret_cast<const float4*>(position)[i],
                   t = reinterpret_cast<const float4*>(a.type)[i];
      reinterpret_cast<float4*>(y)[i] = make_float4(w.x + p.x + t.x, w.y + p.y + t.y, w.z + p.z + t.z, w.w + p.w + t.w);
    }
  } else {
    for (int64_t i = lane_index(); i < a.columns; i += 32) y[i] = word[i] + position[i] + a.type[i];
  }
}

}  // namespace

void launch_embed(runtime::Stream stream, const EmbedArguments& a) {
  if (a.rows == 0 || a.columns == 0) return;
  const bool quads = a.columns % 4 == 0 && is_aligned_16(a.word) && is_aligned_16(a.position) &&
                     is_aligned_16(a.type) && is_aligned_16(a.y);
  launch(stream, "embed", quads ? embed_kernel<true> : embed_kernel<false>, grid_of(divide_up(a.rows, kWarps), "embed"),
         32 * kWarps, 0, a);
}

void launch_embed_naive(runtime::Stream stream, const EmbedArguments& a) {
  constexpr unsigned kBlock = 128;
  if (a.rows == 0 || a.columns == 0) return;
  launch(stream, "embed_naive", embed_naive_kernel, grid_of(divide_up(a.rows * a.columns, kBlock), "embed_naive"),
         kBlock, 0, a);
}

}  // namespace dnd::cuda
