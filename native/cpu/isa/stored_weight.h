#pragma once

#include <cstdint>

#include "backend.h"
#include "cpu/isa/kernels.h"

/// Reading a weight as it is stored.
namespace dnd::cpu {

inline int64_t bytes_of(DndWeightType type) { return type == kDndFloat32Weight ? 4 : 2; }

/// The numbers from `first` on.
inline DndWeight part_from(DndWeight weight, int64_t first) {
  return {static_cast<const char*>(weight.values) + first * bytes_of(weight.type), weight.type};
}

/// `count` numbers from `first` on, as float32.
inline void widen(DndWeight weight, int64_t first, int64_t count, float* to) {
  kernels().widen[weight.type](part_from(weight, first).values, count, to);
}

}  // namespace dnd::cpu
