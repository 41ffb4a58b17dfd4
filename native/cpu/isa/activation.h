#pragma once

#include "backend.h"
#include "cpu/isa/vector_math.h"

namespace dnd::cpu {

/// Activations on compiler vectors, for the GEMM epilogue. NaN stays NaN; +inf gives +inf.

/// x·Φ(x), the erf form that BERT calls "gelu"; relative error ≤ 5e-7 down to x = −13, below which it is 0.
///
/// Computed as max(x, 0) − t·Q(t) with t = |x| and Q the normal distribution's upper tail, so that nothing cancels for
/// negative x. Q(t) = e^(−t²/2) · w·P(w − 0.6), w = 1 / (1 + 0.35 t): the form of Abramowitz & Stegun 7.1.26, P fitted
/// anew, around the middle of its range, which keeps the coefficients small beside their sum.
template <class V>
DND_INLINE V gelu(V x) {
  const V t = at_most(absolute(x), 14.5f);
  const V w = 1.0f / (t * 0.35f + 1.0f);
  const V u = w - 0.6f;
  V p = u * -0.0291578857f + 0.00407306778f;
  p = p * u + 0.0551793698f;
  p = p * u + -0.025520753f;
  p = p * u + -0.102430476f;
  p = p * u + 0.0445237485f;
  p = p * u + 0.303562428f;
  p = p * u + 0.401974679f;
  p = p * u + 0.290460578f;
  // A rounded t² would cost t²·2⁻²⁵ of relative accuracy: t = head + rest, head² exact.
  const V head = from_bits<V>(bits_of(t) & static_cast<int32_t>(0xfffff000));
  const V tail = exponential(head * head * -0.5f, (head - t) * (head + t) * 0.5f);
  return at_least(x, 0.0f) - t * (w * p * tail);
}

/// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715 x³))) = x / (1 + e^(−2·√(2/π)·(x + 0.044715 x³))), the form called "gelu_new",
/// "gelu_pytorch_tanh"; absolute error ≤ 2e-7·max(|x|, 1).
template <class V>
DND_INLINE V gelu_tanh(V x) {
  constexpr float kTwiceRootTwoOverPi = 1.59576912f;
  const V bounded = at_least(x, -12.0f);  // the result is 0 there; keeps −inf from becoming NaN
  const V argument = bounded * (bounded * bounded * (0.044715f * kTwiceRootTwoOverPi) + kTwiceRootTwoOverPi);
  return bounded / (exponential(-argument) + 1.0f);
}

template <class V>
DND_INLINE V relu(V x) {
  return at_least(x, 0.0f);
}

template <DndActivation kActivation, class V>
DND_INLINE V activate(V x) {
  if constexpr (kActivation == kDndGelu) return gelu(x);
  if constexpr (kActivation == kDndGeluTanh) return gelu_tanh(x);
  if constexpr (kActivation == kDndRelu) return relu(x);
  return x;
}

}  // namespace dnd::cpu
