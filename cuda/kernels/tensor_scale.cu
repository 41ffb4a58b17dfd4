#include <algorithm>
#include <bit>
#include <string>

#include "cuda/device/normalised.h"
#include "cuda/device/unrolled.h"
#include "cuda/kernels/tensor_scale.h"
#include "cuda/kernels/tile_checks.h"
#include "toolkit/launch.h"

namespace dnd::cuda {
namespace {

/// A float's magnitude as a number of the same order; NaN above infinity above all others.
__device__ __forceinline__ uint32_t magnitude_bits(float value) { return std::bit_cast<uint32_t>(value) & 0x7fffffff; }

__device__ __forceinline__ float value_at(const TensorScale& p, int64_t row, int64_t column) {
  const float x = p.x[row * p.columns + column];
  if (p.mean_rstd == nullptr) return x;
  const float* mean_rstd = p.mean_rstd + 3 * row;
  return normalised(x, mean_rstd[0], mean_rstd[1], mean_rstd[2], p.norm_weight[column], p.norm_bias[column]);
}

__global__ void tensor_scale_naive_kernel(TensorScale p) {
  const int64_t task = int64_t{block_index().x} * block_size().x + thread_index().x;
  if (task >= p.tasks) return;
  uint32_t most = 0;
  for (int64_t row = task * p.rows; row < (task + 1) * p.rows; ++row) {
    for (int64_t column = 0; column < p.columns; ++column) {
      const uint32_t bits = magnitude_bits(value_at(p, row, column));
      most = bits > most ? bits : most;
    }
  }
  p.scales[task] = scale_for(std::bit_cast<float>(most), p.growth, p.limit_exponent);
}

constexpr int kThreads = 256;
constexpr int kBatch = 8, kNormalisedBatch = 4;  // numbers that a thread reads before it looks at the first

/// The block's largest, in all threads of the first warp. `shared` has space for one number of each warp.
__device__ __forceinline__ uint32_t block_maximum(uint32_t value, uint32_t* shared) {
  const auto warp_maximum = [](uint32_t most) {
    for (unsigned mask = 16; mask > 0; mask /= 2) {
      const uint32_t other = warp_shuffle_xor(most, mask);
      most = other > most ? other : most;
    }
    return most;
  };
  const unsigned thread = thread_index().x;
  value = warp_maximum(value);
  if (lane_index() == 0) shared[thread / 32] = value;
  block_barrier();
  if (thread >= 32) return 0;
  return warp_maximum(thread < kThreads / 32 ? shared[thread] : 0);
}

/// The largest magnitude of one part of a task.
__global__ void __launch_bounds__(kThreads) tensor_scale_parts_kernel(TensorScale p) {
  const int64_t numbers = p.rows * p.columns, parts = tensor_scale_parts(numbers);
  const int64_t task = block_index().x / parts, part = block_index().x % parts;
  const int64_t end = part_begin(numbers, parts, part + 1);
  int64_t number = part_begin(numbers, parts, part) + thread_index().x;
  uint32_t most = 0;
  const auto look_at = [&](float value) {
    const uint32_t bits = magnitude_bits(value);
    most = bits > most ? bits : most;
  };
  const float* x = p.x + task * numbers;
  if (p.mean_rstd == nullptr) {
    for (; number < end; number += kBatch * kThreads) {
      float values[kBatch];
      unrolled<0, kBatch>([&](auto index) {
        constexpr int i = decltype(index)::value;
        values[i] = number + i * kThreads < end ? x[number + i * kThreads] : 0;
      });
      unrolled<0, kBatch>([&](auto index) { look_at(values[decltype(index)::value]); });
    }
  } else {
    int64_t row = task * p.rows + number / p.columns, column = number % p.columns;
    const int64_t row_step = kThreads / p.columns, column_step = kThreads % p.columns;
    while (number < end) {
      float values[kNormalisedBatch];
      unrolled<0, kNormalisedBatch>([&](auto index) {
        values[decltype(index)::value] = number < end ? value_at(p, row, column) : 0;
        number += kThreads, row += row_step, column += column_step;
        if (column >= p.columns) column -= p.columns, ++row;
      });
      unrolled<0, kNormalisedBatch>([&](auto index) { look_at(values[decltype(index)::value]); });
    }
  }
  most = block_maximum(most, shared_memory<uint32_t>());
  if (thread_index().x == 0) p.parts[block_index().x] = most;
}

/// A task's scale from the largest magnitudes of its parts.
__global__ void __launch_bounds__(kThreads) tensor_scale_kernel(TensorScale p) {
  const int64_t parts = tensor_scale_parts(p.rows * p.columns), task = block_index().x;
  uint32_t most = 0;
  for (int64_t part = thread_index().x; part < parts; part += kThreads) {
    const uint32_t bits = p.parts[task * parts + part];
    most = bits > most ? bits : most;
  }
  most = block_maximum(most, shared_memory<uint32_t>());
  if (thread_index().x == 0) p.scales[task] = scale_for(std::bit_cast<float>(most), p.growth, p.limit_exponent);
}

}  // namespace

void tensor_scale(runtime::Stream stream, const TensorScale& p) {
  const int64_t parts = tensor_scale_parts(p.rows * p.columns), at_once = p.part_capacity / parts;
  if (at_once < 1) {
    throw Error(ErrorCode::kInvalidArgument, "tensor_scale: workspace for " + std::to_string(p.part_capacity) +
                                                 " numbers, and a sample needs " + std::to_string(parts));
  }
  const size_t shared = kThreads / 32 * sizeof(uint32_t);
  for (int64_t begin = 0; begin < p.tasks; begin += at_once) {
    TensorScale some = p;
    some.tasks = std::min(at_once, p.tasks - begin);
    some.x += begin * p.rows * p.columns;
    some.scales += begin;
    if (p.mean_rstd != nullptr) some.mean_rstd += begin * 3 * p.rows;
    launch(stream, "tensor_scale_parts", tensor_scale_parts_kernel,
           {check_blocks("tensor_scale_parts", some.tasks * parts)}, kThreads, shared, some);
    launch(stream, "tensor_scale", tensor_scale_kernel, {check_blocks("tensor_scale", some.tasks)}, kThreads, shared,
           some);
  }
}

void tensor_scale_naive(runtime::Stream stream, const TensorScale& p) {
  launch(stream, "tensor_scale_naive", tensor_scale_naive_kernel,
         {check_blocks("tensor_scale_naive", divide_up(p.tasks, 32))}, 32, 0, p);
}

}  // namespace dnd::cuda
