#include "core/roots_of_unity.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <vector>

namespace dnd {
namespace {

// Known at compile time, as the transforms take them.
static_assert(cosine_of_turn(0, 5) == 1 && sine_of_turn(0, 5) == 0);
static_assert(cosine_of_turn(1, 4) == 0 && sine_of_turn(1, 4) == 1);
static_assert(cosine_of_turn(1, 2) == -1 && sine_of_turn(1, 2) == 0);
static_assert(cosine_of_turn(3, 4) == 0 && sine_of_turn(3, 4) == -1);

constexpr long double kPi = 3.14159265358979323846264338327950288L;

/// The argument has at most four roundings of a double (2π, two products, a quotient), 4 · 2^−53 of at most π/4; the
/// series adds its own rounding, the last sum's 2^−54, and little from the terms before, which are smaller. Together
/// less than 2^−51. A long double's reference is off by its argument's rounding, at most 2π.
constexpr double kTolerance = 0x1p-51 + 16 * static_cast<double>(LDBL_EPSILON);

std::vector<int64_t> denominators() {
  std::vector<int64_t> all = {97, 360, 4096, 65537, 1000000007};
  for (int64_t denominator = 1; denominator <= 66; ++denominator) all.push_back(denominator);
  return all;
}

/// Some two hundred numerators round the circle, and all of them where there are no more.
template <typename Check>
void for_each_turn(Check check) {
  for (int64_t denominator : denominators()) {
    const int64_t step = denominator / 200 + 1;
    for (int64_t numerator = 0; numerator < denominator; numerator += step) check(numerator, denominator);
  }
}

TEST(RootsOfUnity, agree_with_long_double_to_the_last_bits_of_a_double) {
  for_each_turn([](int64_t numerator, int64_t denominator) {
    const long double angle = 2 * kPi * static_cast<long double>(numerator) / static_cast<long double>(denominator);
    EXPECT_NEAR(cosine_of_turn(numerator, denominator), static_cast<double>(std::cos(angle)), kTolerance)
        << numerator << "/" << denominator;
    EXPECT_NEAR(sine_of_turn(numerator, denominator), static_cast<double>(std::sin(angle)), kTolerance)
        << numerator << "/" << denominator;
  });
}

TEST(RootsOfUnity, are_exact_at_quarter_turns_in_any_notation) {
  for (int64_t quarter : {1, 2, 3, 7, 1000, 1000003}) {
    for (int64_t turns = -2; turns <= 2; ++turns) {
      const auto at = [&](int64_t quarters) { return quarter * (quarters + 4 * turns); };
      EXPECT_EQ(cosine_of_turn(at(0), 4 * quarter), 1);
      EXPECT_EQ(cosine_of_turn(at(1), 4 * quarter), 0);
      EXPECT_EQ(cosine_of_turn(at(2), 4 * quarter), -1);
      EXPECT_EQ(cosine_of_turn(at(3), 4 * quarter), 0);
      EXPECT_EQ(sine_of_turn(at(0), 4 * quarter), 0);
      EXPECT_EQ(sine_of_turn(at(1), 4 * quarter), 1);
      EXPECT_EQ(sine_of_turn(at(2), 4 * quarter), 0);
      EXPECT_EQ(sine_of_turn(at(3), 4 * quarter), -1);
    }
  }
}

TEST(RootsOfUnity, have_the_symmetries_of_the_circle_bit_by_bit) {
  for_each_turn([](int64_t n, int64_t d) {
    EXPECT_EQ(cosine_of_turn(-n, d), cosine_of_turn(n, d)) << n << "/" << d;
    EXPECT_EQ(sine_of_turn(-n, d), -sine_of_turn(n, d)) << n << "/" << d;
    EXPECT_EQ(cosine_of_turn(n + 3 * d, d), cosine_of_turn(n, d)) << n << "/" << d;
    EXPECT_EQ(sine_of_turn(n - 3 * d, d), sine_of_turn(n, d)) << n << "/" << d;
    EXPECT_EQ(cosine_of_turn(2 * n + d, 2 * d), -cosine_of_turn(n, d)) << "half a turn after " << n << "/" << d;
    EXPECT_EQ(sine_of_turn(2 * n + d, 2 * d), -sine_of_turn(n, d)) << "half a turn after " << n << "/" << d;
    EXPECT_EQ(sine_of_turn(4 * n + d, 4 * d), cosine_of_turn(n, d)) << "a quarter of a turn after " << n << "/" << d;
  });
}

}  // namespace
}  // namespace dnd
