#pragma once

#include <cstdint>

namespace dnd {

/// Cosine and sine of whole fractions of a turn, correct to the last bits of a double and the same on every machine:
/// transforms take their coefficients from here at compile time, plans at run time.
///
/// The argument is reduced exactly, in whole numbers, to at most an eighth of a turn; there the Taylor series of twelve
/// terms leave less than 1e-19.
namespace roots {

constexpr double kPi = 3.14159265358979323846264338327950288;

constexpr double sine_of_small(double x) {
  double term = x, sum = x;
  for (int i = 1; i < 12; ++i) {
    term *= -x * x / ((2 * i) * (2 * i + 1));
    sum += term;
  }
  return sum;
}

constexpr double cosine_of_small(double x) {
  double term = 1, sum = 1;
  for (int i = 1; i < 13; ++i) {
    term *= -x * x / ((2 * i - 1) * (2 * i));
    sum += term;
  }
  return sum;
}

}  // namespace roots

/// cos(2π · numerator / denominator)
constexpr double cosine_of_turn(int64_t numerator, int64_t denominator) {
  numerator %= denominator;
  if (numerator < 0) numerator += denominator;
  if (2 * numerator > denominator) numerator = denominator - numerator;
  if (4 * numerator > denominator) return -cosine_of_turn(denominator - 2 * numerator, 2 * denominator);
  if (8 * numerator > denominator) {
    return roots::sine_of_small(2 * roots::kPi * static_cast<double>(denominator - 4 * numerator) /
                                static_cast<double>(4 * denominator));
  }
  return roots::cosine_of_small(2 * roots::kPi * static_cast<double>(numerator) / static_cast<double>(denominator));
}

/// sin(2π · numerator / denominator)
constexpr double sine_of_turn(int64_t numerator, int64_t denominator) {
  return cosine_of_turn(4 * numerator - denominator, 4 * denominator);
}

}  // namespace dnd
