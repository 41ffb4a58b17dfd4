#pragma once

#include <algorithm>
#include <cstdint>

namespace dnd {

/// Pairs (position, tap) of a "same" convolution along one axis whose tap is inside the axis, for the positions
/// [begin, end) of `size`; kernel odd.
constexpr int64_t taps_inside(int64_t size, int64_t kernel, int64_t begin, int64_t end) {
  int64_t taps = 0;
  for (int64_t position = begin; position < end; ++position) {
    taps += std::min(kernel, size - position + kernel / 2) - std::max<int64_t>(0, kernel / 2 - position);
  }
  return taps;
}

/// Multiply-adds of a hyper-convolution of one task, padding taps not counted; i, j: the axes of the plane.
constexpr double convolution_multiply_adds(int64_t in_channels, int64_t out_channels, int64_t size_i, int64_t size_j,
                                           int64_t kernel) {
  return static_cast<double>(in_channels) * static_cast<double>(out_channels) *
         static_cast<double>(taps_inside(size_i, kernel, 0, size_i)) *
         static_cast<double>(taps_inside(size_j, kernel, 0, size_j));
}

}  // namespace dnd
