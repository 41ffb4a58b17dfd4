#pragma once

#include "cpu/isa/spectral_kernels.h"
#include "cpu/isa/vector.h"

/// The product of one component of one frequency: tiles × channels times channels × output channels.
namespace dnd::cpu::DND_ISA {

#if defined(__AVX512F__)
constexpr int kPanelVectors = 4;
constexpr int kMostProductRows = 6;  // 24 sums, 4 vectors of w, 1 of x: 29 of 32 registers
#elif defined(DND_NEON)
constexpr int kPanelVectors = 4;
constexpr int kMostProductRows = 6;  // as many registers, and as many of them in use
#else
constexpr int kPanelVectors = 2;
constexpr int kMostProductRows = 6;  // 12 sums, 2 vectors of w, 1 of x: 15 of 16 registers
#endif

/// Of a panel with fewer vectors: as many sums as there are registers for.
template <int kVectors>
constexpr int most_product_rows() {
  if (kVectors == kPanelVectors) return kMostProductRows;
  return kVectors == 3 ? 8 : 12;
}

/// SpectralKernels::add_parts.
inline void add_parts(const TilePoint& point, int64_t tiles, int64_t width, float* to) {
  const float* real = point.data;
  for (int64_t tile = 0; tile < tiles; ++tile, real += point.stride, to += width) {
    for (int64_t i = 0; i < width; i += kLanes) {
      store(to + i, load(real + i) + load(real + point.component_stride + i));
    }
  }
}

/// float32 numbers as operands of `product`.
struct FloatOperands {
  using Element = float;
  using Lanes = Vector;

  static __attribute__((always_inline)) Lanes load(const float* from) { return DND_ISA::load(from); }
  static __attribute__((always_inline)) void multiply(Vector& sum, Lanes w, float x) { sum += w * x; }
};

template <typename Operands, int kRows, int kVectors, typename Element = typename Operands::Element>
inline __attribute__((always_inline)) void product_tile(int64_t depth, const Element* x, int64_t x_stride,
                                                        const Element* w, float* y, int64_t y_stride, bool accumulate) {
  Vector sums[kRows][kVectors] = {};
  // y is usually far away: prefetched now, it has arrived when the sums are done.
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) __builtin_prefetch(y + r * y_stride + v * kLanes, 1);
  }
  for (int64_t d = 0; d < depth; ++d) {
    typename Operands::Lanes right[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) right[v] = Operands::load(w + (d * kVectors + v) * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) Operands::multiply(sums[r][v], right[v], x[r * x_stride + d]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* target = y + r * y_stride + v * kLanes;
      store(target, accumulate ? load(target) + sums[r][v] : sums[r][v]);
    }
  }
}

/// x comes from beyond the second-level cache, and each of its rows is too short for the processor to see where it
/// leads: what will be used later is prefetched.
template <typename Element>
inline __attribute__((always_inline)) void ask_for(const Element* x, int64_t elements) {
  for (int64_t i = 0; i < elements; i += 64 / static_cast<int64_t>(sizeof(Element))) __builtin_prefetch(x + i);
}

template <typename Operands, int kVectors, typename Element = typename Operands::Element>
void product_panel(int64_t rows, int64_t depth, const Element* x, int64_t x_stride, int64_t ahead, const Element* w,
                   float* y, int64_t y_stride, bool accumulate) {
  constexpr int kMost = most_product_rows<kVectors>();
  // Tiles of equal height rather than full ones and a rest: a low tile does not hide the latency of its sums.
  for (int64_t tiles = (rows + kMost - 1) / kMost; tiles > 0; --tiles) {
    const int64_t here = (rows + tiles - 1) / tiles;
    if (ahead != 0) ask_for(x + ahead, here * x_stride);
    switch (here) {
#define DND_ROWS(count)                                                                                \
  case count:                                                                                          \
    if constexpr (count <= kMost)                                                                      \
      product_tile<Operands, count, kVectors>(depth, x, x_stride, w, y, y_stride, accumulate);         \
    break;
      // clang-format off
      DND_ROWS(1) DND_ROWS(2) DND_ROWS(3) DND_ROWS(4) DND_ROWS(5) DND_ROWS(6)
      DND_ROWS(7) DND_ROWS(8) DND_ROWS(9) DND_ROWS(10) DND_ROWS(11) DND_ROWS(12)
      // clang-format on
#undef DND_ROWS
    }
    rows -= here;
    x += here * x_stride;
    y += here * y_stride;
  }
}

template <typename Operands, typename Element = typename Operands::Element>
void product(int64_t rows, int64_t depth, const Element* x, int64_t x_stride, int64_t ahead, const Element* w,
             int64_t vectors, float* y, int64_t y_stride, bool accumulate) {
  for (; vectors >= kPanelVectors; vectors -= kPanelVectors) {
    product_panel<Operands, kPanelVectors>(rows, depth, x, x_stride, ahead, w, y, y_stride, accumulate);
    ahead = 0;
    w += depth * kPanelVectors * kLanes;
    y += kPanelVectors * kLanes;
  }
  if constexpr (kPanelVectors > 2) {
    if (vectors == 3) product_panel<Operands, 3>(rows, depth, x, x_stride, ahead, w, y, y_stride, accumulate);
    if (vectors == 2) product_panel<Operands, 2>(rows, depth, x, x_stride, ahead, w, y, y_stride, accumulate);
  }
  if (vectors == 1) product_panel<Operands, 1>(rows, depth, x, x_stride, ahead, w, y, y_stride, accumulate);
}

}  // namespace dnd::cpu::DND_ISA
