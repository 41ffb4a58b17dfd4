#pragma once

#include <cstdint>

namespace dnd::cpu {

/// Panel of a product's operand as the tile kernels read it: destination[d·width + lane] = source[lane·lane_stride +
/// d·depth_stride] for lane < lanes, zero for the other lanes up to `width`.
inline void pack_panel(const float* source, int64_t lane_stride, int64_t depth_stride, int64_t lanes, int64_t depth,
                       float* destination, int64_t width) {
  if (lane_stride == 1) {
    for (int64_t d = 0; d < depth; ++d) {
      const float* row = source + d * depth_stride;
      float* target = destination + d * width;
      for (int64_t lane = 0; lane < lanes; ++lane) target[lane] = row[lane];
      for (int64_t lane = lanes; lane < width; ++lane) target[lane] = 0.0f;
    }
    return;
  }
  for (int64_t lane = 0; lane < width; ++lane) {
    const float* column = source + lane * lane_stride;
    float* target = destination + lane;
    if (lane < lanes) {
      for (int64_t d = 0; d < depth; ++d) target[d * width] = column[d * depth_stride];
    } else {
      for (int64_t d = 0; d < depth; ++d) target[d * width] = 0.0f;
    }
  }
}

}  // namespace dnd::cpu
