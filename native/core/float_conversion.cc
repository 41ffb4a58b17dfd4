#include "core/float_conversion.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dnd {
namespace {

constexpr uint32_t kExponent = 0x7f800000;

/// All loops below are branch-free, so that compilers vectorise them; `load` allows any alignment.
template <class T>
T load(const uint8_t* source, int64_t index) {
  T value;
  std::memcpy(&value, source + index * int64_t(sizeof(T)), sizeof(T));
  return value;
}

/// Arithmetic instead of conditions: compilers turn those into jumps here.
float from_f16(uint16_t half) {
  const uint32_t bits = half;
  const uint32_t exponent = bits & 0x7c00;
  const uint32_t magnitude = (bits & 0x7fff) << 13;
  const uint32_t is_special = (exponent + 0x400) >> 15;  // infinities and NaNs
  const uint32_t normal = magnitude + ((127 - 15 + is_special * (255 - 31 - (127 - 15))) << 23);
  // A subnormal m·2⁻²⁴ is 2⁻¹⁴·(1 + m/1024), whose bits are at hand, less 2⁻¹⁴.
  constexpr uint32_t kSmallestNormal = uint32_t{127 - 14} << 23;
  const float subnormal = std::bit_cast<float>(kSmallestNormal | magnitude) - std::bit_cast<float>(kSmallestNormal);
  const uint32_t if_subnormal = 0 - ((exponent - 1) >> 31);
  const uint32_t value = (std::bit_cast<uint32_t>(subnormal) & if_subnormal) | (normal & ~if_subnormal);
  return std::bit_cast<float>(value | (bits & 0x8000) << 16);
}

float from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }
float from_f32(float value) { return value; }
float from_f64(double value) { return static_cast<float>(value); }

bool is_finite(float value) { return (std::bit_cast<uint32_t>(value) & kExponent) != kExponent; }

template <class T, float (*from)(T)>
int64_t convert(const uint8_t* source, int64_t count, float* destination) {
  constexpr int64_t kBlock = 4096;
  int64_t first = -1;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(count, begin + kBlock);
    uint32_t found = 0;
    for (int64_t i = begin; i < end; ++i) {
      const float value = from(load<T>(source, i));
      destination[i] = value;
      found |= uint32_t{!is_finite(value)};
    }
    if (found != 0 && first < 0) first = std::find_if_not(destination + begin, destination + end, is_finite) - destination;
  }
  return first;
}

}  // namespace

int64_t bytes_of(FloatType type) {
  switch (type) {
    case FloatType::kF32:
      return 4;
    case FloatType::kF16:
    case FloatType::kBF16:
      return 2;
    case FloatType::kF64:
      return 8;
  }
  return 0;
}

int64_t convert_to_float32(FloatType type, const void* source, int64_t count, float* destination) {
  const auto* bytes = static_cast<const uint8_t*>(source);
  switch (type) {
    case FloatType::kF32:
      return convert<float, from_f32>(bytes, count, destination);
    case FloatType::kF16:
      return convert<uint16_t, from_f16>(bytes, count, destination);
    case FloatType::kBF16:
      return convert<uint16_t, from_bf16>(bytes, count, destination);
    case FloatType::kF64:
      return convert<double, from_f64>(bytes, count, destination);
  }
  return -1;
}

namespace {

/// Of numbers whose exponent these bits are.
template <class Bits, Bits kExponentBits>
int64_t first_special(const Bits* values, int64_t count) {
  constexpr int64_t kBlock = 4096;
  const auto special = [](Bits bits) { return (bits & kExponentBits) == kExponentBits; };
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(count, begin + kBlock);
    uint32_t found = 0;
    for (int64_t i = begin; i < end; ++i) found |= uint32_t{special(values[i])};
    if (found != 0) return std::find_if(values + begin, values + end, special) - values;
  }
  return -1;
}

}  // namespace

int64_t first_non_finite(FloatType type, const void* values, int64_t count) {
  switch (type) {
    case FloatType::kF32: return first_special<uint32_t, kExponent>(static_cast<const uint32_t*>(values), count);
    case FloatType::kF16: return first_special<uint16_t, 0x7c00>(static_cast<const uint16_t*>(values), count);
    case FloatType::kBF16: return first_special<uint16_t, 0x7f80>(static_cast<const uint16_t*>(values), count);
    case FloatType::kF64: break;
  }
  return -1;
}

}  // namespace dnd
