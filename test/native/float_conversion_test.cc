#include "core/float_conversion.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace dnd {
namespace {

/// The value of a half by its definition in IEEE 754, through doubles.
double half_value(uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 0x3ff;
  if (exponent == 31) return mantissa == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

template <class T>
std::vector<float> converted(FloatType type, const std::vector<T>& values, int64_t expected = -1) {
  std::vector<float> floats(values.size());
  EXPECT_EQ(convert_to_float32(type, values.data(), int64_t(values.size()), floats.data()), expected);
  return floats;
}

TEST(FloatConversion, ConvertsEveryHalfToItsValue) {
  for (int bits = 0; bits < 65536; ++bits) {
    const std::vector<uint16_t> half = {uint16_t(bits)};
    const double exact = half_value(half[0]);
    const float found = converted(FloatType::kF16, half, std::isfinite(exact) ? -1 : 0)[0];
    if (std::isnan(exact)) {
      EXPECT_TRUE(std::isnan(found)) << bits;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(float(exact))) << bits;
    }
  }
}

TEST(FloatConversion, ConvertsBfloat16AsTheUpperHalfOfAFloat) {
  EXPECT_EQ(converted(FloatType::kBF16, std::vector<uint16_t>{0x3f80, 0xc049, 0x0001, 0x8000}),
            (std::vector<float>{1.0f, -3.140625f, std::ldexp(1.0f, -133), -0.0f}));
}

TEST(FloatConversion, RoundsDoublesToTheNearestFloat) {
  const double tie = 1 + std::ldexp(1.0, -24);
  EXPECT_EQ(converted(FloatType::kF64, std::vector<double>{0.1, tie, std::nextafter(tie, 2), 1e-45}),
            (std::vector<float>{0.1f, 1.0f, std::nextafter(1.0f, 2.0f), std::numeric_limits<float>::denorm_min()}));
}

TEST(FloatConversion, ReportsTheFirstValueThatIsNotAFiniteFloat) {
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    for (const int64_t index : {0, 1, 4095, 4096, 9999}) {
      std::vector<float> values(10000, 1.0f);
      values[index] = values[9999] = bad;
      EXPECT_EQ(converted(FloatType::kF32, values, index)[9998], 1.0f);
    }
  }
  converted(FloatType::kF64, std::vector<double>{1, 1e39, NAN}, 1);
  converted(FloatType::kBF16, std::vector<uint16_t>{0x3f80, 0x7f7f, 0x7f80}, 2);
}

TEST(FloatConversion, ReadsFromAnyAddress) {
  const std::vector<double> values = {1.5, -2.25, 3e300};
  std::vector<uint8_t> bytes(1 + values.size() * sizeof(double));
  std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(double));
  std::vector<float> floats(values.size());
  EXPECT_EQ(convert_to_float32(FloatType::kF64, bytes.data() + 1, 3, floats.data()), 2);
  EXPECT_EQ(floats, (std::vector<float>{1.5f, -2.25f, INFINITY}));
}

TEST(FloatConversion, AcceptsAnEmptyInput) {
  EXPECT_EQ(convert_to_float32(FloatType::kF16, nullptr, 0, nullptr), -1);
}

}  // namespace
}  // namespace dnd
