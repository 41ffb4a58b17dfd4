#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/isa/kernels.h"

namespace dnd::cpu {

/// Panel of a product's operand as the tile kernels read it: destination[d·width + lane] = source[lane·lane_stride +
/// d·depth_stride] for lane < lanes, zero for the other lanes up to `width`.
inline void pack_panel(const Kernels& kernels, const float* source, int64_t lane_stride, int64_t depth_stride,
                       int64_t lanes, int64_t depth, float* destination, int64_t width) {
  if (depth_stride == 1) {
    kernels.transpose(source, lane_stride, lanes, depth, nullptr, 1.0f, destination, width, width);
    return;
  }
  for (int64_t d = 0; d < depth; ++d) {
    float* target = destination + d * width;
    for (int64_t lane = 0; lane < lanes; ++lane) target[lane] = source[lane * lane_stride + d * depth_stride];
    std::fill(target + lanes, target + width, 0.0f);
  }
}

}  // namespace dnd::cpu
