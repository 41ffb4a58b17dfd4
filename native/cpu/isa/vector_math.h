#pragma once

#include <cstdint>

namespace dnd::cpu {

/// Elementary functions on compiler vectors (`float __attribute__((vector_size(n)))`, any n): one source for every
/// instruction set, branch-free, no tables, so that a lane's result depends on that lane alone. Polynomials are
/// relative minimax fits (Lawson iteration on Chebyshev nodes in high precision); errors are measured by
/// activation_test.cc.

template <class V>
using IntegersOf = decltype(V{} < V{});

#define DND_INLINE inline __attribute__((always_inline))

template <class V>
DND_INLINE IntegersOf<V> bits_of(V x) {
  return reinterpret_cast<IntegersOf<V>>(x);
}

template <class V>
DND_INLINE V from_bits(IntegersOf<V> bits) {
  return reinterpret_cast<V>(bits);
}

template <class V>
DND_INLINE V splat(float value) {
  return V{} + value;
}

template <class V>
DND_INLINE V absolute(V x) {
  return from_bits<V>(bits_of(x) & 0x7fffffff);
}

/// The larger of both; NaN where `x` is NaN.
template <class V>
DND_INLINE V at_least(V x, float bound) {
  return x < bound ? splat<V>(bound) : x;
}

/// The smaller of both; NaN where `x` is NaN.
template <class V>
DND_INLINE V at_most(V x, float bound) {
  return x > bound ? splat<V>(bound) : x;
}

/// The larger of both; `y` where `x` is NaN.
template <class V>
DND_INLINE V larger(V x, V y) {
  return x > y ? x : y;
}

/// e^rest for |rest| ≤ ln 2 / 2 and a little more.
template <class V>
DND_INLINE V exponential_polynomial(V rest) {
  V polynomial = rest * 0.00139012971f + 0.00836317021f;
  polynomial = polynomial * rest + 0.0416668537f;
  polynomial = polynomial * rest + 0.166665771f;
  polynomial = polynomial * rest + 0.499999996f;
  return polynomial * (rest * rest) + rest + 1.0f;
}

constexpr float kLog2E = 1.44269504f;
constexpr float kLn2High = 0.693359375f;  // few bits: its product with a small whole number is exact
constexpr float kLn2Low = -2.12194440e-4f;
constexpr float kLowestExponent = -87.3f;
constexpr float kRound = 12582912.0f;  // 1.5·2²³: adding it leaves the nearest integer in the low mantissa bits

/// e^(x + tail), |tail| ≪ 1 being a part of the argument that no float x could carry. Relative error ≤ 1.5e-7 for
/// results in the normal range, exactly 0 below it (x < −87.3), +inf above 88.7; NaN stays NaN.
template <class V>
DND_INLINE V exponential(V x, V tail = V{}) {
  constexpr float kHighest = 88.8f;
  const V clamped = at_most(at_least(x, kLowestExponent), kHighest);
  const V shifted = clamped * kLog2E + kRound;
  const V whole = shifted - kRound;
  const V rest = ((clamped - whole * kLn2High) - whole * kLn2Low) + tail;
  const V polynomial = exponential_polynomial(rest);
  // 2^whole in two factors: 2^128, which large arguments need, is no float.
  const IntegersOf<V> exponent = bits_of(shifted) - bits_of(splat<V>(kRound));
  const IntegersOf<V> half = exponent >> 1;
  const V scaled = polynomial * from_bits<V>((half + 127) << 23) * from_bits<V>((exponent - half + 127) << 23);
  return x < kLowestExponent ? V{} : scaled;
}

/// e^x for x ≤ 0, cheaper than `exponential`: relative error ≤ 1.5e-7, exactly 0 below −87.3; NaN stays NaN.
template <class V>
DND_INLINE V exponential_of_negative(V x) {
  const V clamped = at_least(x, kLowestExponent);
  const V shifted = clamped * kLog2E + kRound;
  const V whole = shifted - kRound;
  const V rest = (clamped - whole * kLn2High) - whole * kLn2Low;
  // The shift leaves nothing of kRound's own bits, only `whole`. Added before it, 127 overflows for no argument: lanes
  // beyond the end of a row, which nobody reads, may have positive ones.
  const V scaled = exponential_polynomial(rest) * from_bits<V>((bits_of(shifted) + 127) << 23);
  return x < kLowestExponent ? V{} : scaled;
}

/// tanh(x), relative error ≤ 3e-7; ±1 far out, NaN stays NaN.
template <class V>
DND_INLINE V hyperbolic_tangent(V x) {
  const V magnitude = at_most(absolute(x), 20.0f);
  const V square = magnitude * magnitude;
  V small = square * -0.00626931931f + 0.0211111034f;
  small = small * square + -0.0538739815f;
  small = small * square + 0.133329156f;
  small = small * square + -0.333333303f;
  small = small * square * magnitude + magnitude;
  const V large = 1.0f - 2.0f / (exponential(magnitude + magnitude) + 1.0f);
  const V result = magnitude > 0.6f ? large : small;
  return from_bits<V>(bits_of(result) | (bits_of(x) & static_cast<int32_t>(0x80000000)));
}

}  // namespace dnd::cpu
