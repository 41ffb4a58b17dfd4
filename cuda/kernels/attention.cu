#include <cfloat>
#include <cmath>

#include "core/integers.h"
#include "cuda/kernels/attention.h"
#include "cuda/kernels/attention_float.h"
#include "cuda/kernels/attention_halves.h"
#include "cuda/kernels/grid.h"
#include "toolkit/device_code.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

// The specification: one thread for each row of a head.

/// `query` and `key`: head_width floats each.
__device__ float naive_score(const AttentionArguments& a, const float* query, const float* key, bool real) {
  if (!real) return -FLT_MAX;
  float sum = 0;
  for (int64_t i = 0; i < a.head_width; ++i) sum += query[i] * key[i];
  return sum / sqrtf(static_cast<float>(a.head_width));
}

__global__ void attention_naive_kernel(AttentionArguments a) {
  const int64_t thread = int64_t{block_index().x} * block_size().x + thread_index().x;
  const int64_t row = thread / a.heads, width = a.heads * a.head_width, column = thread % a.heads * a.head_width;
  if (row >= a.offsets[a.sequences]) return;
  int64_t sequence = 0;
  while (a.offsets[sequence + 1] <= row) ++sequence;
  const int64_t begin = a.offsets[sequence], end = a.offsets[sequence + 1];

  const float* query = a.qkv + row * 3 * width + column;
  const float* keys = a.qkv + width + column;
  const float* values = keys + width;
  float* y = a.y + row * width + column;
  float largest = -FLT_MAX, sum = 0;
  for (int64_t key = begin; key < end; ++key) {
    largest = fmaxf(largest, naive_score(a, query, keys + key * 3 * width, a.mask[key] != 0));
  }
  for (int64_t i = 0; i < a.head_width; ++i) y[i] = 0;
  for (int64_t key = begin; key < end; ++key) {
    const float weight = expf(naive_score(a, query, keys + key * 3 * width, a.mask[key] != 0) - largest);
    sum += weight;
    for (int64_t i = 0; i < a.head_width; ++i) y[i] += weight * values[key * 3 * width + i];
  }
  for (int64_t i = 0; i < a.head_width; ++i) y[i] /= sum;
}

template <int kWidth>
void launch_halves(runtime::Stream stream, const AttentionArguments& a) {
  using Tile = attention_halves::Tile<kWidth>;
  const int64_t blocks = divide_up(a.longest, Tile::kQueries) * a.heads * a.sequences;
  const auto kernel = a.head_width % 4 == 0 && is_aligned_16(a.qkv) ? attention_halves::kernel<kWidth, true>
                                                                    : attention_halves::kernel<kWidth, false>;
  launch(stream, "attention", kernel, grid_of(blocks, "attention"), Tile::kThreads, Tile::kSharedBytes, a);
}

}  // namespace

void launch_attention(runtime::Stream stream, DndPrecision precision, const AttentionArguments& a) {
  if (a.sequences == 0 || a.longest == 0) return;
  switch (precision == kDndMixed ? attention_width(a.head_width) : 0) {
    case 16: return launch_halves<16>(stream, a);
    case 32: return launch_halves<32>(stream, a);
    case 64: return launch_halves<64>(stream, a);
    case 128: return launch_halves<128>(stream, a);
    default: break;
  }
  using namespace attention_float;
  const int64_t blocks = divide_up(a.longest, kRows) * divide_up(a.head_width, kColumns) * a.heads * a.sequences;
  launch(stream, "attention_float", kernel, grid_of(blocks, "attention_float"), kThreads, kSharedBytes, a);
}

void launch_attention_naive(runtime::Stream stream, const AttentionArguments& a) {
  constexpr unsigned kBlock = 64;
  if (a.sequences == 0 || a.longest == 0) return;
  launch(stream, "attention_naive", attention_naive_kernel,
         grid_of(divide_up(a.sequences * a.longest * a.heads, kBlock), "attention_naive"), kBlock, 0, a);
}

}  // namespace dnd::cuda
