#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

/// Random words → numbers, with operations that every IEEE 754 machine rounds alike; not to be compiled with
/// contraction or fast-math.
namespace dnd {

/// Uniform in (−bound, bound), symmetric; 2³² steps before rounding to float.
inline float uniform_from(uint32_t word, double bound) {
  return static_cast<float>((2.0 * (word + 0.5) / 4294967296.0 - 1.0) * bound);
}

/// ln x for a normal x > 0, error below 1e-12: x = m·2^e with m in [√½, √2), ln m = 2·artanh((m − 1)/(m + 1)) by its
/// series.
inline double exact_logarithm(double x) {
  constexpr double kLn2 = 0.69314718055994530942, kRootHalf = 0.70710678118654752440;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1022;
  double mantissa = std::bit_cast<double>((bits & 0x000fffffffffffff) | 0x3fe0000000000000);  // [½, 1)
  if (mantissa < kRootHalf) {
    mantissa *= 2;
    --exponent;
  }
  const double s = (mantissa - 1) / (mantissa + 1), square = s * s;
  double series = 0;
  for (int power = 17; power >= 1; power -= 2) series = series * square + 1.0 / power;
  return 2 * s * series + static_cast<double>(exponent) * kLn2;
}

struct SineCosine {
  double sine, cosine;
};

/// Of 2π·turn for turn in [0, 1), error below 1e-12: reduced to ±π/4, then Taylor's series.
inline SineCosine sine_cosine_of_turn(double turn) {
  constexpr double kHalfPi = 1.57079632679489661923;
  const int quadrant = static_cast<int>(4 * turn + 0.5);
  const double angle = (4 * turn - quadrant) * kHalfPi, square = angle * angle;
  double sine = 1, cosine = 1;
  for (int power = 14; power >= 2; power -= 2) {
    cosine = 1 - cosine * square / (power * (power - 1));
    sine = 1 - sine * square / (power * (power + 1));
  }
  sine *= angle;
  switch (quadrant % 4) {
    case 0: return {sine, cosine};
    case 1: return {cosine, -sine};
    case 2: return {-sine, -cosine};
    default: return {-cosine, sine};
  }
}

/// Two independent N(0, 1) numbers from two words (Box & Muller 1958).
inline void normals_from(uint32_t first_word, uint32_t second_word, float* first, float* second) {
  const double radius = std::sqrt(-2.0 * exact_logarithm((first_word + 0.5) / 4294967296.0));
  const auto [sine, cosine] = sine_cosine_of_turn((second_word + 0.5) / 4294967296.0);
  *first = static_cast<float>(radius * cosine);
  *second = static_cast<float>(radius * sine);
}

}  // namespace dnd
