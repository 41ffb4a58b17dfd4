#pragma once

#include <bit>
#include <cstdint>

namespace dnd::cuda {

/// 2^exponent for −126 … 127.
constexpr float power_of_two(int exponent) { return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23); }

/// Of a power of two between 2⁻¹²⁶ and 2¹²⁶.
constexpr float inverse_power_of_two(float power) {
  return std::bit_cast<float>((uint32_t{254} << 23) - std::bit_cast<uint32_t>(power));
}

}  // namespace dnd::cuda
