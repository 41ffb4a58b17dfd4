#pragma once

/// The functions of cuda/toolkit/half_bits.h without CUDA.

#include <bit>
#include <cstdint>

namespace dnd::cuda {

/// The float's nearest half, ties to even; NaN as the device makes it.
constexpr uint16_t half_bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7fff;
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);  // 2¹⁶ and more
  if (magnitude < 0x38800000) {
    // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴, which is what floats at 0.5 … 1 are rounded to.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f)));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1) - (uint32_t{127 - 15} << 23);
  return static_cast<uint16_t>(sign | rounded >> 13);
}

/// Exact. Without branches, and without subnormal floats on the way, which processors are slow at.
constexpr float float_of_half_bits(uint16_t half) {
  const uint32_t magnitude = uint32_t{half & 0x7fffu} << 13;
  const uint32_t special = 0 - uint32_t{magnitude >= 0x0f800000};
  const uint32_t normal = magnitude + (uint32_t{127 - 15} << 23) + (special & uint32_t{128 - 16} << 23);
  // A subnormal m·2⁻²⁴ is 2⁻¹⁴·(1 + m/1024), whose bits are at hand, less 2⁻¹⁴.
  const float shifted = std::bit_cast<float>(magnitude + (uint32_t{127 - 14} << 23)) - 0x1p-14f;
  const uint32_t subnormal = 0 - uint32_t{magnitude < 0x00800000};
  const uint32_t bits = (std::bit_cast<uint32_t>(shifted) & subnormal) | (normal & ~subnormal);
  return std::bit_cast<float>(bits | uint32_t{half & 0x8000u} << 16);
}

constexpr uint32_t packed_half_bits(float low, float high) { return half_bits(low) | uint32_t{half_bits(high)} << 16; }

}  // namespace dnd::cuda
