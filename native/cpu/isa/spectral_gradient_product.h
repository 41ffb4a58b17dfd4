#pragma once

#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/spectral_product.h"
#include "cpu/isa/vector.h"

/// The product of one component of one frequency of a weight gradient: channels × tiles times tiles × output channels.
namespace dnd::cpu::DND_ISA {

/// Spectra come from beyond the second-level cache: while one component is multiplied, the next is asked for, of x with
/// each tile its own rows, of w with the first tile (`first`) everything.
template <int kRows, int kVectors>
inline __attribute__((always_inline)) void gradient_tile(int64_t depth, const float* x, int64_t x_stride,
                                                         int64_t x_ahead, const float* w, int64_t w_ahead, bool first,
                                                         float* y, int64_t y_stride) {
  Vector sums[kRows][kVectors] = {};
  for (int64_t d = 0; d < depth; ++d) {
    __builtin_prefetch(x + x_ahead);
    if (first) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) __builtin_prefetch(w + w_ahead + v * kLanes);
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
    for (int v = 0; v < kVectors; ++v) store(y + r * y_stride + v * kLanes, sums[r][v]);
  }
}

template <int kVectors>
void gradient_panel(int64_t rows, int64_t depth, const float* x, int64_t x_stride, int64_t x_ahead, const float* w,
                    int64_t w_ahead, float* y, int64_t y_stride) {
  bool first = true;
  constexpr int kMost = most_product_rows<kVectors>();
  for (int64_t tiles = (rows + kMost - 1) / kMost; tiles > 0; --tiles) {
    const int64_t here = (rows + tiles - 1) / tiles;
    switch (here) {
#define DND_ROWS(count)                                                                            \
  case count:                                                                                      \
    if constexpr (count <= kMost) {                                                                \
      gradient_tile<count, kVectors>(depth, x, x_stride, x_ahead, w, w_ahead, first, y, y_stride); \
    }                                                                                              \
    break;
      // clang-format off
      DND_ROWS(1) DND_ROWS(2) DND_ROWS(3) DND_ROWS(4) DND_ROWS(5) DND_ROWS(6)
      DND_ROWS(7) DND_ROWS(8) DND_ROWS(9) DND_ROWS(10) DND_ROWS(11) DND_ROWS(12)
      // clang-format on
#undef DND_ROWS
    }
    first = false;
    rows -= here;
    x += here;
    y += here * y_stride;
  }
}

inline void gradient_product(int64_t rows, int64_t depth, const float* x, int64_t x_stride, int64_t x_ahead,
                             const float* w, int64_t w_ahead, int64_t vectors, float* y, int64_t y_stride) {
  if constexpr (kPanelVectors > 2) {
    if (vectors == 4) return gradient_panel<4>(rows, depth, x, x_stride, x_ahead, w, w_ahead, y, y_stride);
    if (vectors == 3) return gradient_panel<3>(rows, depth, x, x_stride, x_ahead, w, w_ahead, y, y_stride);
  }
  if (vectors == 2) return gradient_panel<2>(rows, depth, x, x_stride, x_ahead, w, w_ahead, y, y_stride);
  gradient_panel<1>(rows, depth, x, x_stride, x_ahead, w, w_ahead, y, y_stride);
}

}  // namespace dnd::cpu::DND_ISA
