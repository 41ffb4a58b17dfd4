#include "core/integers.h"
#include "cuda/kernels/grid.h"
#include "cuda/kernels/pooling.h"
#include "toolkit/device_code.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

__device__ __forceinline__ float mean_of(double sum, int real) {
  return static_cast<float>(sum / static_cast<double>(real > 0 ? real : 1));
}

// The specification: one thread for each element of y.

__global__ void mean_pool_naive_kernel(MeanPoolArguments a) {
  const int64_t i = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (i >= a.sequences * a.columns) return;
  const int64_t sequence = i / a.columns, column = i % a.columns;
  double sum = 0;
  int real = 0;
  for (int64_t row = a.offsets[sequence]; row < a.offsets[sequence + 1]; ++row) {
    if (a.mask[row] == 0) continue;
    sum += static_cast<double>(a.x[row * a.columns + column]);
    ++real;
  }
  a.y[i] = mean_of(sum, real);
}

// The kernel: a block has 32 columns of one sequence; each of its warps adds every eighth row.

constexpr int kWarps = 8;

__global__ void __launch_bounds__(32 * kWarps) mean_pool_kernel(MeanPoolArguments a) {
  const auto column_blocks = static_cast<unsigned>(divide_up(a.columns, 32));
  const int64_t sequence = block_index().x / column_blocks;
  const int64_t column = int64_t{32} * (block_index().x % column_blocks) + lane_index();
  const int warp = static_cast<int>(thread_index().x / 32);
  double sum = 0;
  int real = 0;
  for (int64_t row = a.offsets[sequence] + warp; row < a.offsets[sequence + 1]; row += kWarps) {
    if (a.mask[row] == 0) continue;
    if (column < a.columns) sum += static_cast<double>(a.x[row * a.columns + column]);
    ++real;
  }
  double* sums = shared_memory<double>();                    // [warp][lane]
  int* counts = reinterpret_cast<int*>(sums + 32 * kWarps);  // [warp]
  sums[thread_index().x] = sum;
  if (lane_index() == 0) counts[warp] = real;
  block_barrier();
  if (warp > 0 || column >= a.columns) return;
  for (int other = 1; other < kWarps; ++other) {
    sum += sums[32 * other + static_cast<int>(lane_index())];
    real += counts[other];
  }
  a.y[sequence * a.columns + column] = mean_of(sum, real);
}

}  // namespace

void launch_mean_pool(runtime::Stream stream, const MeanPoolArguments& a) {
  if (a.sequences == 0 || a.columns == 0) return;
  constexpr size_t kSharedBytes = kWarps * (32 * sizeof(double) + sizeof(int));
  launch(stream, "mean_pool", mean_pool_kernel, grid_of(a.sequences * divide_up(a.columns, 32), "mean_pool"),
         32 * kWarps, kSharedBytes, a);
}

void launch_mean_pool_naive(runtime::Stream stream, const MeanPoolArguments& a) {
  constexpr unsigned kBlock = 128;
  if (a.sequences == 0 || a.columns == 0) return;
  launch(stream, "mean_pool_naive", mean_pool_naive_kernel,
         grid_of(divide_up(a.sequences * a.columns, kBlock), "mean_pool_naive"), kBlock, 0, a);
}

}  // namespace dnd::cuda
