#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "backend.h"
#include "core/float_conversion.h"

namespace dnd::test {

/// Finite numbers of every size in half precision, subnormal ones and zeros among them, and the same in float32.
struct RandomHalves {
  /// `largest`: of F16's or BF16's exponents, as a part of all.
  RandomHalves(FloatType stored, int64_t count, double largest = 0.75)
      : type(stored == FloatType::kF16 ? kDndFloat16Weight : kDndBfloat16Weight), bits(count), floats(count) {
    const auto exponent = static_cast<uint16_t>(stored == FloatType::kF16 ? 0x7c00 : 0x7f80);
    std::mt19937 random(12);
    for (uint16_t& half : bits) {
      do half = static_cast<uint16_t>(random());
      while ((half & exponent) > largest * exponent);
      if (random() % 8 == 0) half &= static_cast<uint16_t>(~exponent);
    }
    EXPECT_EQ(convert_to_float32(stored, bits.data(), count, floats.data()), -1);
  }

  DndWeight weight() const { return {bits.data(), type}; }

  const DndWeightType type;
  std::vector<uint16_t> bits;
  std::vector<float> floats;
};

constexpr FloatType kHalfTypes[] = {FloatType::kF16, FloatType::kBF16};

}  // namespace dnd::test
