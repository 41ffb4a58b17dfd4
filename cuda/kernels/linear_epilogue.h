#pragma once

#include <cstdint>

#include "cuda/kernels/activation.h"
#include "cuda/kernels/linear.h"
#include "toolkit/device_code.h"

namespace dnd::cuda {

/// Sums of a block of a linear layer as laid out in shared memory: rows of kOuts floats, then the row's factor, with
/// which its sums are still to be multiplied. Eight rows of pairs, as lanes hold sums, fall into different banks.
template <int kRows, int kOuts>
struct BlockSums {
  static constexpr int kPitch = kOuts + 8;
  static constexpr int kBytes = kRows * kPitch * static_cast<int>(sizeof(float));

  __device__ __forceinline__ float* at(int row, int out) const { return values + row * kPitch + out; }
  __device__ __forceinline__ float* factor(int row) const { return at(row, kOuts); }

  float* values;
};

/// What becomes of four sums of a row.
__device__ __forceinline__ float4 activate(DndActivation activation, const float4& sums, const float4& factors,
                                           const float4& biases) {
  return make_float4(
      activate(activation, sums.x * factors.x + biases.x), activate(activation, sums.y * factors.y + biases.y),
      activate(activation, sums.z * factors.z + biases.z), activate(activation, sums.w * factors.w + biases.w));
}

/// Four values from `first` on of which `count` are there, `otherwise` for others and where there are none at all.
__device__ __forceinline__ float4 four_of(const float* values, int first, int count, float otherwise) {
  if (values == nullptr) count = 0;
  return make_float4(count > 0 ? values[first] : otherwise, count > 1 ? values[first + 1] : otherwise,
                     count > 2 ? values[first + 2] : otherwise, count > 3 ? values[first + 3] : otherwise);
}

/// Ends a linear layer: scales, activates, adds and stores a block's sums, whole rows at a time. Outputs' factors
/// (`unscale`) may be null. Everyone of the block calls it, behind a barrier.
template <int kThreads, int kRows, int kOuts>
__device__ __forceinline__ void finish_linear(const LinearLayer& layer, const BlockSums<kRows, kOuts>& sums,
                                              const float* unscale, int64_t first_row, int first_out) {
  constexpr int kRowThreads = kOuts / 4, kRowsAtOnce = kThreads / kRowThreads;
  static_assert(kThreads % kRowThreads == 0 && kRows % kRowsAtOnce == 0);
  const int thread = static_cast<int>(thread_index().x), first = thread / kRowThreads;
  const int column = thread % kRowThreads * 4, out = first_out + column, count = layer.out - out;
  if (count <= 0) return;
  const int64_t rows_left = layer.rows - first_row;
  const int rows = rows_left < kRows ? static_cast<int>(rows_left) : kRows;
  const float4 factors = four_of(unscale, out, count, 1), biases = four_of(layer.bias, out, count, 0);
  const bool whole = (reinterpret_cast<uintptr_t>(layer.y) | reinterpret_cast<uintptr_t>(layer.residual)) % 16 == 0 &&
                     layer.out % 4 == 0;

  const int64_t offset = (first_row + first) * layer.out + out, step = int64_t{kRowsAtOnce} * layer.out;
  float* y = layer.y + offset;
  const float* residual = layer.residual == nullptr ? nullptr : layer.residual + offset;
  for (int row = first; row < rows; row += kRowsAtOnce, y += step) {
    const float factor = *sums.factor(row);
    const float4 both = make_float4(factors.x * factor, factors.y * factor, factors.z * factor, factors.w * factor);
    float4 results = activate(layer.activation, *reinterpret_cast<const float4*>(sums.at(row, column)), both, biases);
    if (residual != nullptr) {
      const float4 added = whole ? *reinterpret_cast<const float4*>(residual) : four_of(residual, 0, count, 0);
      results = make_float4(results.x + added.x, results.y + added.y, results.z + added.z, results.w + added.w);
      residual += step;
    }
    if (whole) {
      *reinterpret_cast<float4*>(y) = results;
    } else {
      y[0] = results.x;
      if (count > 1) y[1] = results.y;
      if (count > 2) y[2] = results.z;
      if (count > 3) y[3] = results.w;
    }
  }
}

}  // namespace dnd::cuda
