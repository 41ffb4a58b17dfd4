#pragma once

#include "core/roots_of_unity.h"
#include "cuda/device/unrolled.h"

/// Complex Fourier transforms of fixed small sizes, one per thread, in registers: mixed radix, decimation in time, all
/// coefficients computed at compile time. Exchanging real and imaginary parts on both sides gives the inverse, times N.
namespace dnd::cuda {

constexpr int radix_of(int points) {
  if (points % 4 == 0) return 4;
  for (int radix = 2; radix < points; ++radix) {
    if (points % radix == 0) return radix;
  }
  return points;
}

/// (re, im) · e^(−2πi · kExponent/kPoints)
template <int kPoints, int kExponent>
__device__ __forceinline__ void multiply_by_twiddle(float& re, float& im) {
  constexpr int kReduced = kExponent % kPoints;
  if constexpr (kReduced == 0) {
    return;
  } else if constexpr (2 * kReduced == kPoints) {
    re = -re, im = -im;
  } else if constexpr (4 * kReduced == kPoints) {
    const float old = re;
    re = im, im = -old;
  } else if constexpr (4 * kReduced == 3 * kPoints) {
    const float old = re;
    re = -im, im = old;
  } else {
    constexpr float kCosine = static_cast<float>(cosine_of_turn(kReduced, kPoints));
    constexpr float kSine = static_cast<float>(sine_of_turn(kReduced, kPoints));
    const float old = re;
    if constexpr (8 * kReduced % kPoints == 0) {  // an odd eighth: both coefficients have the same magnitude
      re = (kSine == kCosine ? old + im : old - im) * kCosine;
      im = (kSine == kCosine ? im - old : im + old) * kCosine;
    } else {
      re = old * kCosine + im * kSine;
      im = im * kCosine - old * kSine;
    }
  }
}

/// In place: a[f] becomes Σ_j a[j] e^(−2πi·jf/kRadix), for 2, 4 and odd numbers.
template <int kRadix>
__device__ __forceinline__ void butterfly(float (&re)[kRadix], float (&im)[kRadix]) {
  if constexpr (kRadix == 2) {
    const float r = re[1], i = im[1];
    re[1] = re[0] - r, im[1] = im[0] - i;
    re[0] += r, im[0] += i;
  } else if constexpr (kRadix == 4) {
    const float even_sum_r = re[0] + re[2], even_sum_i = im[0] + im[2];
    const float even_difference_r = re[0] - re[2], even_difference_i = im[0] - im[2];
    const float odd_sum_r = re[1] + re[3], odd_sum_i = im[1] + im[3];
    const float odd_difference_r = re[1] - re[3], odd_difference_i = im[1] - im[3];
    re[0] = even_sum_r + odd_sum_r, im[0] = even_sum_i + odd_sum_i;
    re[2] = even_sum_r - odd_sum_r, im[2] = even_sum_i - odd_sum_i;
    re[1] = even_difference_r + odd_difference_i, im[1] = even_difference_i - odd_difference_r;
    re[3] = even_difference_r - odd_difference_i, im[3] = even_difference_i + odd_difference_r;
  } else {  // points j and −j share their cosines and, but for the sign, their sines
    static_assert(kRadix % 2 == 1);
    constexpr int kHalf = kRadix / 2;
    float sum_r[kHalf + 1], sum_i[kHalf + 1], difference_r[kHalf + 1], difference_i[kHalf + 1];
    const float zero_r = re[0], zero_i = im[0];
    unrolled<1, kHalf + 1>([&](auto point) {
      constexpr int j = decltype(point)::value;
      sum_r[j] = re[j] + re[kRadix - j], sum_i[j] = im[j] + im[kRadix - j];
      difference_r[j] = re[j] - re[kRadix - j], difference_i[j] = im[j] - im[kRadix - j];
      re[0] += sum_r[j], im[0] += sum_i[j];
    });
    unrolled<1, kHalf + 1>([&](auto frequency) {
      constexpr int f = decltype(frequency)::value;
      float even_r = zero_r, even_i = zero_i, odd_r = 0, odd_i = 0;
      unrolled<1, kHalf + 1>([&](auto point) {
        constexpr int j = decltype(point)::value;
        constexpr float kCosine = static_cast<float>(cosine_of_turn(f * j, kRadix));
        constexpr float kSine = static_cast<float>(sine_of_turn(f * j, kRadix));
        even_r += sum_r[j] * kCosine, even_i += sum_i[j] * kCosine;
        odd_r += difference_i[j] * kSine, odd_i -= difference_r[j] * kSine;
      });
      re[f] = even_r + odd_r, im[f] = even_i + odd_i;
      re[kRadix - f] = even_r - odd_r, im[kRadix - f] = even_i - odd_i;
    });
  }
}

/// In place, in natural order: a[f] becomes Σ_j a[j] e^(−2πi·jf/kPoints).
template <int kPoints>
__device__ __forceinline__ void fft(float (&re)[kPoints], float (&im)[kPoints]) {
  constexpr int kRadix = radix_of(kPoints), kRest = kPoints / kRadix;
  if constexpr (kRest == 1) {
    butterfly<kRadix>(re, im);
  } else {
    float part_re[kRadix][kRest], part_im[kRadix][kRest];
    unrolled<0, kRadix>([&](auto part) {
      constexpr int r = decltype(part)::value;
      unrolled<0, kRest>([&](auto point) {
        constexpr int m = decltype(point)::value;
        part_re[r][m] = re[m * kRadix + r], part_im[r][m] = im[m * kRadix + r];
      });
      fft<kRest>(part_re[r], part_im[r]);
    });
    unrolled<0, kRest>([&](auto frequency) {
      constexpr int m = decltype(frequency)::value;
      float across_re[kRadix], across_im[kRadix];
      unrolled<0, kRadix>([&](auto part) {
        constexpr int r = decltype(part)::value;
        across_re[r] = part_re[r][m], across_im[r] = part_im[r][m];
        multiply_by_twiddle<kPoints, m * r>(across_re[r], across_im[r]);
      });
      butterfly<kRadix>(across_re, across_im);
      unrolled<0, kRadix>([&](auto part) {
        constexpr int r = decltype(part)::value;
        re[r * kRest + m] = across_re[r], im[r * kRest + m] = across_im[r];
      });
    });
  }
}

}  // namespace dnd::cuda
