#pragma once

#include "core/roots_of_unity.h"
#include "cpu/isa/vector.h"
#include "plan/transform_sizes.h"

/// Complex Fourier transforms of fixed small sizes; every lane of a vector is a transform of its own.
namespace dnd::cpu::DND_ISA {

constexpr int radix_of(int points) {
  if (points % 4 == 0) return 4;
  for (int radix = 2; radix < points; ++radix) {
    if (points % radix == 0) return radix;
  }
  return points;
}

/// kTwiddles[m][r] = cos and sin of 2π·m·r / kPoints for m < kRows, r < kColumns.
template <int kPoints, int kRows, int kColumns>
struct Twiddles {
  float cosine[kRows][kColumns] = {};
  float sine[kRows][kColumns] = {};

  constexpr Twiddles() {
    for (int m = 0; m < kRows; ++m) {
      for (int r = 0; r < kColumns; ++r) {
        cosine[m][r] = static_cast<float>(cosine_of_turn(m * r, kPoints));
        sine[m][r] = static_cast<float>(sine_of_turn(m * r, kPoints));
      }
    }
  }
};
template <int kPoints, int kRows, int kColumns>
inline constexpr Twiddles<kPoints, kRows, kColumns> kTwiddles{};

/// In place: a[f] becomes Σ_j a[j] e^(−2πi·jf/kRadix).
template <int kRadix>
inline __attribute__((always_inline)) void butterfly(Vector* real, Vector* imaginary) {
  if constexpr (kRadix == 2) {
    const Vector r = real[1], i = imaginary[1];
    real[1] = real[0] - r, imaginary[1] = imaginary[0] - i;
    real[0] += r, imaginary[0] += i;
  } else if constexpr (kRadix == 4) {
    const Vector even_sum_r = real[0] + real[2], even_sum_i = imaginary[0] + imaginary[2];
    const Vector even_difference_r = real[0] - real[2], even_difference_i = imaginary[0] - imaginary[2];
    const Vector odd_sum_r = real[1] + real[3], odd_sum_i = imaginary[1] + imaginary[3];
    const Vector odd_difference_r = real[1] - real[3], odd_difference_i = imaginary[1] - imaginary[3];
    real[0] = even_sum_r + odd_sum_r, imaginary[0] = even_sum_i + odd_sum_i;
    real[2] = even_sum_r - odd_sum_r, imaginary[2] = even_sum_i - odd_sum_i;
    real[1] = even_difference_r + odd_difference_i, imaginary[1] = even_difference_i - odd_difference_r;
    real[3] = even_difference_r - odd_difference_i, imaginary[3] = even_difference_i + odd_difference_r;
  } else {  // odd: points j and −j share their cosines and, but for the sign, their sines
    constexpr int kHalf = kRadix / 2;
    constexpr auto& twiddles = kTwiddles<kRadix, kHalf + 1, kHalf + 1>;
    Vector sum_r[kHalf + 1], sum_i[kHalf + 1], difference_r[kHalf + 1], difference_i[kHalf + 1];
    const Vector zero_r = real[0], zero_i = imaginary[0];
#pragma GCC unroll 8
    for (int j = 1; j <= kHalf; ++j) {
      sum_r[j] = real[j] + real[kRadix - j], sum_i[j] = imaginary[j] + imaginary[kRadix - j];
      difference_r[j] = real[j] - real[kRadix - j], difference_i[j] = imaginary[j] - imaginary[kRadix - j];
      real[0] += sum_r[j], imaginary[0] += sum_i[j];
    }
#pragma GCC unroll 8
    for (int f = 1; f <= kHalf; ++f) {
      Vector even_r = zero_r, even_i = zero_i, odd_r = {}, odd_i = {};
#pragma GCC unroll 8
      for (int j = 1; j <= kHalf; ++j) {
        const float cosine = twiddles.cosine[f][j], sine = twiddles.sine[f][j];
        even_r += sum_r[j] * cosine, even_i += sum_i[j] * cosine;
        odd_r += difference_i[j] * sine, odd_i -= difference_r[j] * sine;
      }
      real[f] = even_r + odd_r, imaginary[f] = even_i + odd_i;
      real[kRadix - f] = even_r - odd_r, imaginary[kRadix - f] = even_i - odd_i;
    }
  }
}

/// out[f] = Σ_j in[j · kStride] e^(−2πi·jf/kPoints): decimation in time, one radix after the other.
template <int kPoints, int kStride>
inline __attribute__((always_inline)) void transform(const Vector* real, const Vector* imaginary, Vector* out_real,
                                                     Vector* out_imaginary) {
  if constexpr (kPoints == 1) {
    out_real[0] = real[0], out_imaginary[0] = imaginary[0];
  } else {
    constexpr int kRadix = radix_of(kPoints), kRest = kPoints / kRadix;
    constexpr auto& twiddles = kTwiddles<kPoints, kRest, kRadix>;
    for (int r = 0; r < kRadix; ++r) {
      transform<kRest, kStride * kRadix>(real + r * kStride, imaginary + r * kStride, out_real + r * kRest,
                                         out_imaginary + r * kRest);
    }
    for (int m = 0; m < kRest; ++m) {
      Vector part_r[kRadix], part_i[kRadix];
      part_r[0] = out_real[m], part_i[0] = out_imaginary[m];
#pragma GCC unroll 16
      for (int r = 1; r < kRadix; ++r) {
        const Vector re = out_real[r * kRest + m], im = out_imaginary[r * kRest + m];
        if constexpr (kRest == 1) {
          part_r[r] = re, part_i[r] = im;
        } else {
          const float cosine = twiddles.cosine[m][r], sine = twiddles.sine[m][r];
          part_r[r] = re * cosine + im * sine, part_i[r] = im * cosine - re * sine;
        }
      }
      butterfly<kRadix>(part_r, part_i);
#pragma GCC unroll 16
      for (int r = 0; r < kRadix; ++r) out_real[r * kRest + m] = part_r[r], out_imaginary[r * kRest + m] = part_i[r];
    }
  }
}

/// out[f] = Σ_j in[j] e^(−2πi·jf/N). Exchanging real and imaginary parts on both sides gives the inverse, times N.
using Fft = void (*)(const Vector* real, const Vector* imaginary, Vector* out_real, Vector* out_imaginary);

template <int kPoints>
__attribute__((noinline)) void fft(const Vector* real, const Vector* imaginary, Vector* out_real,
                                   Vector* out_imaginary) {
  transform<kPoints, 1>(real, imaginary, out_real, out_imaginary);
}

/// The transform of one of the sizes in plan/transform_sizes.h; null for another.
inline Fft fft_of(int64_t points) {
  switch (points) {
#define DND_SIZE(size) \
  case size: return fft<size>;
    DND_TRANSFORM_SIZES(DND_SIZE)
#undef DND_SIZE
    default: return nullptr;
  }
}

}  // namespace dnd::cpu::DND_ISA
