#include <algorithm>
#include <cmath>

#include "core/integers.h"
#include "cuda/device/norm_statistics.h"
#include "cuda/device/normalised.h"
#include "cuda/device/reduce.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/layer_norm.h"
#include "toolkit/device_code.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

// The specification.

struct NaiveNormStatistics {
  double mean, rstd;
};

__device__ NaiveNormStatistics naive_norm_statistics(const float* x, int64_t columns, float eps) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < columns; ++i) sum += static_cast<double>(x[i]);
  const double mean = sum / static_cast<double>(columns);
  for (int64_t i = 0; i < columns; ++i) {
    const double difference = static_cast<double>(x[i]) - mean;
    squares += difference * difference;
  }
  return {mean, 1.0 / sqrt(squares / static_cast<double>(columns) + static_cast<double>(eps))};
}

/// One thread for each row.
__global__ void layer_norm_naive_kernel(LayerNormArguments a) {
  const int64_t row = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (row >= a.rows) return;
  const float* x = a.x + row * a.columns;
  const NaiveNormStatistics of = naive_norm_statistics(x, a.columns, a.eps);
  for (int64_t i = 0; i < a.columns; ++i) {
    const double normal = (static_cast<double>(x[i]) - of.mean) * of.rstd;
    a.y[row * a.columns + i] =
        static_cast<float>(normal * static_cast<double>(a.weight[i]) + static_cast<double>(a.bias[i]));
  }
}

__global__ void moments_naive_kernel(NormStatisticsArguments a) {
  const int64_t row = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (row >= a.rows) return;
  const NaiveNormStatistics of = naive_norm_statistics(a.x + row * a.columns, a.columns, a.eps);
  float* to = a.mean_rstd + 3 * row;
  to[0] = static_cast<float>(of.mean);
  to[1] = static_cast<float>(of.mean - static_cast<double>(to[0]));
  to[2] = static_cast<float>(of.rstd);
}

// The kernels.

/// A thread's part of Σ (x − origin) and Σ (x − origin)².
struct Sums {
  float origin;
  double sum = 0, squares = 0;

  __device__ __forceinline__ void add(float x) {
    const double difference = static_cast<double>(x) - static_cast<double>(origin);
    sum += difference;
    squares += difference * difference;
  }
  __device__ __forceinline__ void add(const float4& x) {
    add(x.x);
    add(x.y);
    add(x.z);
    add(x.w);
  }
};

__device__ __forceinline__ float normalised(float x, const RowStatistics& row, float weight, float bias) {
  return cuda::normalised(x, row.mean, row.residue, row.rstd, weight, bias);
}

__device__ __forceinline__ float4 normalised(const float4& x, const RowStatistics& row, const float4& weight,
                                             const float4& bias) {
  return make_float4(normalised(x.x, row, weight.x, bias.x), normalised(x.y, row, weight.y, bias.y),
                     normalised(x.z, row, weight.z, bias.z), normalised(x.w, row, weight.w, bias.w));
}

__device__ __forceinline__ float4 quad(const float* from, int64_t index) {
  return reinterpret_cast<const float4*>(from)[index];
}

constexpr int kWarps = 8;  ///< rows of a block where each row is one warp's

/// A warp keeps a row of at most 128 · kQuads columns, a multiple of 4, in its registers.
template <int kQuads>
__global__ void __launch_bounds__(32 * kWarps) layer_norm_short_kernel(LayerNormArguments a) {
  const int64_t row = int64_t{block_index().x} * kWarps + thread_index().x / 32;
  if (row >= a.rows) return;
  const float* x = a.x + row * a.columns;
  float* y = a.y + row * a.columns;
  const int quads = static_cast<int>(a.columns / 4), lane = static_cast<int>(lane_index());
  float4 values[kQuads];
  DND_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    values[i] = lane + 32 * i < quads ? quad(x, lane + 32 * i) : make_float4(0, 0, 0, 0);
  }
  Sums sums{.origin = warp_shuffle(values[0].x, 0)};
  DND_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    if (lane + 32 * i < quads) sums.add(values[i]);
  }
  const RowStatistics of =
      norm_statistics_of(sums.origin, warp_sum(sums.sum), warp_sum(sums.squares), a.columns, a.eps);
  DND_UNROLL
  for (int i = 0; i < kQuads; ++i) {
    const int at = lane + 32 * i;
    if (at < quads) {
      reinterpret_cast<float4*>(y)[at] = normalised(values[i], of, quad(a.weight, at), quad(a.bias, at));
    }
  }
}

/// A row's statistics by all threads of the block. kQuads: x is a multiple of 16 bytes, columns of 4.
template <bool kQuads>
__device__ __forceinline__ RowStatistics statistics_of_row(const float* x, int64_t columns, float eps) {
  Sums sums{.origin = x[0]};
  if constexpr (kQuads) {
    for (int64_t i = thread_index().x; i < columns / 4; i += block_size().x) sums.add(quad(x, i));
  } else {
    for (int64_t i = thread_index().x; i < columns; i += block_size().x) sums.add(x[i]);
  }
  double* shared = shared_memory<double>();
  const double sum = block_sum(sums.sum, shared), squares = block_sum(sums.squares, shared);
  return norm_statistics_of(sums.origin, sum, squares, columns, eps);
}

/// One block for each row. y may be x: all of a row has been read before any of it is written.
template <bool kQuads>
__global__ void __launch_bounds__(1024) layer_norm_long_kernel(LayerNormArguments a) {
  const float* x = a.x + int64_t{block_index().x} * a.columns;
  float* y = a.y + int64_t{block_index().x} * a.columns;
  const RowStatistics of = statistics_of_row<kQuads>(x, a.columns, a.eps);
  if constexpr (kQuads) {
    for (int64_t i = thread_index().x; i < a.columns / 4; i += block_size().x) {
      reinterpret_cast<float4*>(y)[i] = normalised(quad(x, i), of, quad(a.weight, i), quad(a.bias, i));
    }
  } else {
    for (int64_t i = thread_index().x; i < a.columns; i += block_size().x) {
      y[i] = normalised(x[i], of, a.weight[i], a.bias[i]);
    }
  }
}

template <bool kQuads>
__global__ void __launch_bounds__(1024) moments_kernel(NormStatisticsArguments a) {
  const int64_t row = block_index().x;
  const RowStatistics of = statistics_of_row<kQuads>(a.x + row * a.columns, a.columns, a.eps);
  if (thread_index().x > 0) return;
  a.mean_rstd[3 * row] = of.mean;
  a.mean_rstd[3 * row + 1] = of.residue;
  a.mean_rstd[3 * row + 2] = of.rstd;
}

// Launchers.

constexpr unsigned kNaiveBlock = 64;

/// Threads for a row, with about 8 of its columns each, or more.
unsigned row_threads(int64_t columns) {
  return static_cast<unsigned>(std::clamp<int64_t>(round_up(divide_up(columns, 8), 32), 32, 1024));
}

size_t row_shared_bytes(unsigned threads) { return threads / 32 * sizeof(double); }

}  // namespace

void launch_layer_norm(runtime::Stream stream, const LayerNormArguments& a) {
  if (a.rows == 0 || a.columns == 0) return;
  const bool quads = a.columns % 4 == 0 && is_aligned_16(a.x) && is_aligned_16(a.y) && is_aligned_16(a.weight) &&
                     is_aligned_16(a.bias);
  if (quads && a.columns <= 1024) {
    const auto kernel = a.columns <= 128   ? layer_norm_short_kernel<1>
                        : a.columns <= 384 ? layer_norm_short_kernel<3>
                        : a.columns <= 768 ? layer_norm_short_kernel<6>
                                           : layer_norm_short_kernel<8>;
    launch(stream, "layer_norm", kernel, grid_of(divide_up(a.rows, kWarps), "layer_norm"), 32 * kWarps, 0, a);
    return;
  }
  const unsigned threads = row_threads(a.columns);
  launch(stream, "layer_norm", quads ? layer_norm_long_kernel<true> : layer_norm_long_kernel<false>,
         grid_of(a.rows, "layer_norm"), threads, row_shared_bytes(threads), a);
}

void launch_norm_statistics(runtime::Stream stream, const NormStatisticsArguments& a) {
  if (a.rows == 0 || a.columns == 0) return;
  const bool quads = a.columns % 4 == 0 && is_aligned_16(a.x);
  const unsigned threads = row_threads(a.columns);
  launch(stream, "moments", quads ? moments_kernel<true> : moments_kernel<false>, grid_of(a.rows, "moments"), threads,
         row_shared_bytes(threads), a);
}

void launch_layer_norm_naive(runtime::Stream stream, const LayerNormArguments& a) {
  if (a.rows == 0 || a.columns == 0) return;
  launch(stream, "layer_norm_naive", layer_norm_naive_kernel,
         grid_of(divide_up(a.rows, kNaiveBlock), "layer_norm_naive"), kNaiveBlock, 0, a);
}

void launch_norm_statistics_naive(runtime::Stream stream, const NormStatisticsArguments& a) {
  if (a.rows == 0 || a.columns == 0) return;
  launch(stream, "moments_naive", moments_naive_kernel, grid_of(divide_up(a.rows, kNaiveBlock), "moments_naive"),
         kNaiveBlock, 0, a);
}

}  // namespace dnd::cuda
