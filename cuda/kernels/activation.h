#pragma once

#include <cmath>

#include "backend.h"
#include "toolkit/device_code.h"
#include "toolkit/ptx.h"

namespace dnd::cuda {

/// x·Φ(x), the erf form of GELU, as max(x, 0) − t·Q(t) with t = |x| and Q the normal distribution's upper tail: see
/// cpu/activation.h, whose coefficients these are. erff takes twice as many instructions, and a block's epilogue would
/// take longer than its product. Absolute error ≤ 3e-7·max(|x|, 1).
__device__ __forceinline__ float gelu(float x) {
  const float magnitude = fabsf(x), t = magnitude > 14.5f ? 14.5f : magnitude;  // NaN stays
  const float w = reciprocal(t * 0.35f + 1.0f), u = w - 0.6f;
  float p = u * -0.0291578857f + 0.00407306778f;
  p = p * u + 0.0551793698f;
  p = p * u + -0.025520753f;
  p = p * u + -0.102430476f;
  p = p * u + 0.0445237485f;
  p = p * u + 0.303562428f;
  p = p * u + 0.401974679f;
  p = p * u + 0.290460578f;
  return fmaxf(x, 0.0f) - t * (w * p * exponential2(t * t * -0.72134752f));
}

/// x / (1 + e^(−2·√(2/π)·(x + 0.044715 x³))), the tanh form of GELU.
__device__ __forceinline__ float gelu_tanh(float x) {
  const float bounded = x < -12.0f ? -12.0f : x;  // the result is 0 there; keeps −∞ from becoming NaN
  const float exponent = bounded * (bounded * bounded * -0.102943240f - 2.30220819f);  // binary
  return bounded * reciprocal(1.0f + exponential2(exponent));
}

/// The activations of DndActivation. NaN stays NaN.
__device__ __forceinline__ float activate(DndActivation activation, float x) {
  switch (activation) {
    case kDndGelu: return gelu(x);
    case kDndGeluTanh: return gelu_tanh(x);
    case kDndRelu: return x < 0 ? 0.0f : x;
    default: return x;
  }
}

}  // namespace dnd::cuda
