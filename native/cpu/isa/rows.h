#pragma once

#include "backend.h"
#include "cpu/activation.h"
#include "cpu/isa/vector.h"

namespace dnd::cpu::DND_ISA {

template <DndActivation kActivation>
void finish_row_with(float* row, int64_t count, const float* bias, const float* residual) {
  const auto finished = [](Vector value, Vector bias_part, Vector residual_part) {
    return activate<kActivation>(value + bias_part) + residual_part;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    store(row + i, finished(load(row + i), bias != nullptr ? load(bias + i) : Vector{},
                            residual != nullptr ? load(residual + i) : Vector{}));
  }
  const int64_t rest = count - i;
  if (rest == 0) return;
  store_some(row + i,
             finished(load_some(row + i, rest), bias != nullptr ? load_some(bias + i, rest) : Vector{},
                      residual != nullptr ? load_some(residual + i, rest) : Vector{}),
             rest);
}

inline void finish_row(float* row, int64_t count, const float* bias, DndActivation activation, const float* residual) {
  switch (activation) {
    case kDndGelu: return finish_row_with<kDndGelu>(row, count, bias, residual);
    case kDndGeluTanh: return finish_row_with<kDndGeluTanh>(row, count, bias, residual);
    case kDndRelu: return finish_row_with<kDndRelu>(row, count, bias, residual);
    case kDndNoActivation: return finish_row_with<kDndNoActivation>(row, count, bias, residual);
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
