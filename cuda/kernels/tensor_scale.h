#pragma once

#include <cstdint>

#include "core/integers.h"
#include "cuda/device/power_of_two.h"
#include "cuda/runtime/runtime.h"

namespace dnd::cuda {

/// The least e with value ≤ 2^e, for positive finite values.
constexpr int exponent_above(double value) {
  int exponent = 0;
  for (; value > 1; value *= 0.5) ++exponent;
  for (; value <= 0.5; value *= 2) --exponent;
  return exponent;
}

/// The largest power of two s, from 2^−126 to 2^118, with magnitude · growth · s ≤ 2^limit; 1 for 0, infinity and NaN.
constexpr float scale_for(float magnitude, float growth, int limit) {
  if (!(magnitude > 0 && magnitude <= 3.40282347e38f)) return 1;
  const int exponent = limit - exponent_above(static_cast<double>(magnitude) * growth);
  return power_of_two(exponent < -126 ? -126 : exponent > 118 ? 118 : exponent);
}

/// Powers of two that bring spectra into the range of halves: one for each task of a convolution's input x [tasks,
/// rows, columns], from the largest magnitude of x, or of ((x − mean) − residue) · rstd · norm_weight + norm_bias.
struct TensorScale {
  const float* x;
  int64_t tasks, rows, columns;
  const float* mean_rstd;    ///< [tasks · rows, 3]; null: x is not normalised
  const float* norm_weight;  ///< [columns]
  const float* norm_bias;
  float growth;        ///< of the largest magnitude in a transform without a factor of its own
  int limit_exponent;  ///< magnitude · growth · s ≤ 2^limit_exponent
  uint32_t* parts;     ///< working memory; nothing of it is needed afterwards
  int64_t
      part_capacity;  ///< its numbers, tensor_scale_parts at least: with that many for each task all are done at once
  float* scales;      ///< [tasks]
};

/// Numbers of a task that one block looks through, at least where there are more blocks.
inline constexpr int64_t kScaleBlockNumbers = 8192;
/// Blocks of a task: enough for a large device where there is but one task.
inline constexpr int64_t kLargestScaleParts = 512;

constexpr int64_t tensor_scale_parts(int64_t numbers) {
  const int64_t parts = divide_up(numbers, kScaleBlockNumbers);  // std::clamp takes addresses, of what devices lack
  return parts < 1 ? 1 : parts < kLargestScaleParts ? parts : kLargestScaleParts;
}

/// An orthonormal transform of at most 32 × 32 points multiplies magnitudes by at most 32: spectra stay within 2^15.
inline constexpr int kInputLimitExponent = 10;
/// Spectra of weights, whose growth is the number of their taps, stay within 2^15.
inline constexpr int kWeightLimitExponent = 15;

/// Error(kInvalidArgument) where the working memory is too small for one task.
void tensor_scale(runtime::Stream stream, const TensorScale& arguments);

/// The same by definition, one thread for each task; needs no parts.
void tensor_scale_naive(runtime::Stream stream, const TensorScale& arguments);

}  // namespace dnd::cuda
