#pragma once

#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/spectral_product.h"
#include "cpu/isa/vector.h"

/// The product of one point of a weight gradient's spectra: channels × tiles times tiles × output channels.
namespace dnd::cpu::DND_ISA {

/// Spectra come from beyond the second-level cache: while one component is multiplied, the data `ahead` of it is
/// prefetched: of x with each tile of the product its own rows, of w with the first tile (`first`) everything.
struct Prefetched {
  int64_t x_ahead, w_ahead;
  bool first;
};

template <int kRows, int kVectors>
inline __attribute__((always_inline)) void gradient_tile(int64_t depth, const float* x, int64_t x_stride,
                                                         const float* w, const Prefetched& asked, float* y) {
  Vector sums[kRows][kVectors] = {};
  for (int64_t d = 0; d < depth; ++d) {
    __builtin_prefetch(x + asked.x_ahead);
    if (asked.first) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) __builtin_prefetch(w + asked.w_ahead + v * kLanes);
    }
    Vector right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = load(w + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sums[r][v] += right[v] * x[r];
    }
    x += x_stride;
    w += kVectors * kLanes;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(y + (r * kVectors + v) * kLanes, sums[r][v]);
  }
}

/// One component.
template <int kVectors>
void gradient_component(int64_t rows, int64_t depth, const float* x, int64_t x_stride, const float* w, int64_t x_ahead,
                        int64_t w_ahead, float* y) {
  constexpr int kMost = most_product_rows<kVectors>();
  Prefetched asked = {x_ahead, w_ahead, w_ahead != 0};
  for (int64_t tiles = (rows + kMost - 1) / kMost; tiles > 0; --tiles) {
    const int64_t here = (rows + tiles - 1) / tiles;
    switch (here) {
#define DND_ROWS(count)                                                                            \
  case count:                                                                                      \
    if constexpr (count <= kMost) gradient_tile<count, kVectors>(depth, x, x_stride, w, asked, y); \
    break;
      // clang-format off
      DND_ROWS(1) DND_ROWS(2) DND_ROWS(3) DND_ROWS(4) DND_ROWS(5) DND_ROWS(6)
      DND_ROWS(7) DND_ROWS(8) DND_ROWS(9) DND_ROWS(10) DND_ROWS(11) DND_ROWS(12)
      // clang-format on
#undef DND_ROWS
    }
    asked.first = false;
    rows -= here;
    x += here;
    y += here * kVectors * kLanes;
  }
}

template <int kVectors>
void gradient_point(int64_t rows, int64_t depth, const TilePoint& x, const TilePoint& w, float* y,
                    int64_t component_stride, float* scratch) {
  // Meanwhile the other component is prefetched, and with that the next point.
  for (int64_t component = 0; component < 2; ++component) {
    gradient_component<kVectors>(rows, depth, x.data + component * x.component_stride, x.stride,
                                 w.data + component * w.component_stride, 2 * x.component_stride,
                                 2 * w.component_stride, y + component * component_stride);
  }
  const int64_t x_width = (rows + kLanes - 1) / kLanes * kLanes, w_width = kVectors * kLanes;
  float* const x_sums = scratch;
  float* const w_sums = scratch + depth * x_width;
  add_parts(x, depth, x_width, x_sums);
  add_parts(w, depth, w_width, w_sums);
  gradient_component<kVectors>(rows, depth, x_sums, x_width, w_sums, 0, 0, y + 2 * component_stride);
}

inline void gradient_product(int64_t rows, int64_t vectors, int64_t depth, const TilePoint& x, const TilePoint& w,
                             float* y, int64_t component_stride, float* scratch) {
  if constexpr (kPanelVectors > 2) {
    if (vectors == 4) return gradient_point<4>(rows, depth, x, w, y, component_stride, scratch);
    if (vectors == 3) return gradient_point<3>(rows, depth, x, w, y, component_stride, scratch);
  }
  if (vectors == 2) return gradient_point<2>(rows, depth, x, w, y, component_stride, scratch);
  gradient_point<1>(rows, depth, x, w, y, component_stride, scratch);
}

}  // namespace dnd::cpu::DND_ISA
