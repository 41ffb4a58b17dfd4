#pragma once

#include "backend.h"
#include "cpu/isa/activation.h"
#include "cpu/isa/kernels.h"
#include "cpu/isa/vector.h"

namespace dnd::cpu::DND_ISA {

template <DndActivation kActivation>
void finish_row_with(const float* sums, int64_t panel_stride, float* row, int64_t count, const float* bias,
                     const float* residual) {
  constexpr int64_t kPanel = kMaxTileVectors * kLanes;
  for (int64_t first = 0; first < count; first += kPanel, sums += panel_stride) {
    const int64_t here = count - first < kPanel ? count - first : kPanel;
    for (int64_t i = 0; i < here; i += kLanes) {
      const int64_t rest = here - i, at = first + i;
      if (rest >= kLanes) {
        const Vector sum = bias != nullptr ? load(sums + i) + load(bias + at) : load(sums + i);
        const Vector active = activate<kActivation>(sum);
        store(row + at, residual != nullptr ? active + load(residual + at) : active);
      } else {
        const Vector sum = load_some(sums + i, rest) + (bias != nullptr ? load_some(bias + at, rest) : Vector{});
        const Vector added = residual != nullptr ? load_some(residual + at, rest) : Vector{};
        store_some(row + at, activate<kActivation>(sum) + added, rest);
      }
    }
  }
}

inline void finish_row(const float* sums, int64_t panel_stride, float* row, int64_t count, const float* bias,
                       DndActivation activation, const float* residual) {
  switch (activation) {
    case kDndGelu: return finish_row_with<kDndGelu>(sums, panel_stride, row, count, bias, residual);
    case kDndGeluTanh: return finish_row_with<kDndGeluTanh>(sums, panel_stride, row, count, bias, residual);
    case kDndRelu: return finish_row_with<kDndRelu>(sums, panel_stride, row, count, bias, residual);
    case kDndNoActivation: return finish_row_with<kDndNoActivation>(sums, panel_stride, row, count, bias, residual);
  }
}

/// Both paths of a hyper-convolution layer: (a + tanh(p) + bias) / 3.
inline __attribute__((always_inline)) Vector merged(Vector a, Vector p, Vector bias) {
  return (a + hyperbolic_tangent(p) + bias) / 3.0f;
}

inline void merge_row(const float* a, const float* p, const float* bias, int64_t count, float* s) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(s + i, merged(load(a + i), load(p + i), load(bias + i)));
  const int64_t rest = count - i;
  if (rest == 0) return;
  store_some(s + i, merged(load_some(a + i, rest), load_some(p + i, rest), load_some(bias + i, rest)), rest);
}

}  // namespace dnd::cpu::DND_ISA
