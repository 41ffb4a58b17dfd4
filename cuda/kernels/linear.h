#pragma once

#include <cstddef>
#include <cstdint>

#include "backend.h"
#include "cuda/device/half.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda {

/// y = activation(x · weightᵀ + bias) (+ residual); the weight is a separate argument, in the launcher's own form.
struct LinearLayer {
  const float* x = nullptr;  ///< [rows, in]
  int64_t rows = 0;
  int in = 0, out = 0;
  const float* bias = nullptr;  ///< [out] or null
  DndActivation activation = kDndNoActivation;
  const float* residual = nullptr;  ///< [rows, out] or null; may be y
  float* y = nullptr;               ///< [rows, out]; not x
};

/// A weight [out, in] as halves: each output's row is multiplied by a power of two that takes its largest magnitude to
/// 2¹⁴ … 2¹⁵, so that rows of any size keep the precision of halves. Lies in one piece of memory, aligned to 16 bytes.
struct HalfWeight {
  const Half* values;    ///< [out, pitch], zeros from `in` to the pitch
  const float* unscale;  ///< [out]: inverses of the powers of two
};
constexpr int64_t half_weight_pitch(int64_t in) { return (in + 7) / 8 * 8; }
constexpr size_t half_weight_bytes(int64_t out, int64_t in) {
  return static_cast<size_t>(out * half_weight_pitch(in)) * sizeof(Half) + static_cast<size_t>(out) * sizeof(float);
}
inline HalfWeight half_weight(const void* memory, int64_t out, int64_t in) {
  const Half* values = static_cast<const Half*>(memory);
  return {values, reinterpret_cast<const float*>(values + out * half_weight_pitch(in))};
}
/// Makes it in `memory` out of `weight` [out, in], both on the device.
void make_half_weight(runtime::Stream stream, const float* weight, int64_t out, int64_t in, void* memory);

/// With mma.sync: x is rounded to halves as it is read, sums are float.
///
/// Rows of x whose largest magnitude is above 65504 or below 2⁻¹⁰, where halves overflow or lose bits, are multiplied
/// by a power of two of their own that takes it to 2¹⁴ … 2¹⁵. That such a row is there is seen on the way, and its
/// block of rows is then computed a second time; a row's result depends on that row alone. Infinities and NaN give what
/// they give in float arithmetic.
void linear_mma(runtime::Stream stream, const LinearLayer& layer, const HalfWeight& weight);

/// In fp32; weight [out, in].
void linear_fp32(runtime::Stream stream, const LinearLayer& layer, const float* weight);

/// The specification of both, for tests: weight [out, in], sums in fp32 from the first input to the last.
void linear_naive(runtime::Stream stream, const LinearLayer& layer, const float* weight);

}  // namespace dnd::cuda
