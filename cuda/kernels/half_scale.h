#pragma once

#include <bit>
#include <cstdint>

#include "cuda/device/power_of_two.h"

namespace dnd::cuda {

/// The power of two that takes `largest`, a magnitude, to 2¹⁴ … 2¹⁵: near the end of the halves' range, so that as many
/// smaller ones as possible keep all bits. 1 for zero, infinity and NaN. Below 2⁻¹⁰⁰ it stays what it is there, which
/// keeps its inverse a normal float.
constexpr float half_scale(float largest) {
  const int exponent = static_cast<int>(std::bit_cast<uint32_t>(largest) >> 23) - 127;
  if (largest == 0 || exponent == 128) return 1;
  return power_of_two(14 - (exponent < -100 ? -100 : exponent));
}

/// Whether values up to `largest` become halves without overflow and, beside the largest, without loss. Above 2⁻¹⁰ what
/// halves lose, up to 2⁻²⁵, is less than what rounding to 11 bits loses of values of the largest's size over 8.
constexpr bool fits_halves(float largest) { return !(largest > 65504) && (largest == 0 || largest >= 0x1p-10f); }

}  // namespace dnd::cuda
