#pragma once

#include <cstdint>

#include "backend.h"
#include "core/float_conversion.h"

namespace dnd::cpu {

/// A convolution's weight as it is stored: finite numbers of `type`.
struct StoredWeight {
  const void* values;
  DndWeightType type;

  /// `count` of them, from `first` on, as float32.
  void widen(int64_t first, int64_t count, float* to) const {
    constexpr FloatType kTypes[] = {FloatType::kF32, FloatType::kF16, FloatType::kBF16};
    const FloatType stored = kTypes[type];
    convert_to_float32(stored, static_cast<const char*>(values) + first * bytes_of(stored), count, to);
  }
};

}  // namespace dnd::cpu
