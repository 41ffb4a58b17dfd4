#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "core/roots_of_unity.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/frequency_order.h"
#include "plan/transform_sizes.h"

/// Two-dimensional Fourier transforms of real tiles by their definition, in double.
namespace dnd::test {

/// Frequencies 0 … halved_points/2 of the halved axis, each with all of the full axis; the others are their conjugates.
struct NaiveSpectrum {
  NaiveSpectrum(int64_t halved, int64_t full)
      : halved_points(halved), full_points(full), real((halved / 2 + 1) * full), imaginary(real.size()) {}

  std::complex<double> at(int64_t h, int64_t f) const {
    return {real[h * full_points + f], imaginary[h * full_points + f]};
  }
  void set(int64_t h, int64_t f, std::complex<double> value) {
    real[h * full_points + f] = value.real();
    imaginary[h * full_points + f] = value.imag();
  }

  int64_t halved_points, full_points;
  std::vector<double> real, imaginary;
};

/// Cosines and sines of 2π·nm/points at [n · points + m].
struct TwiddleMatrix {
  explicit TwiddleMatrix(int64_t points) {
    for (int64_t n = 0; n < points; ++n) {
      for (int64_t m = 0; m < points; ++m) {
        cosines.push_back(cosine_of_turn(n * m, points));
        sines.push_back(sine_of_turn(n * m, points));
      }
    }
  }
  static const TwiddleMatrix& of(int64_t points) {
    static std::map<int64_t, TwiddleMatrix> made;
    return made.try_emplace(points, points).first->second;
  }
  std::vector<double> cosines, sines;
};

/// Σ tile[a][b] e^(−2πi(ah/halved + bf/full)); lines of zeros are skipped.
inline NaiveSpectrum naive_spectrum(const std::vector<double>& tile, int64_t halved, int64_t full) {
  const TwiddleMatrix &halved_twiddles = TwiddleMatrix::of(halved), &full_twiddles = TwiddleMatrix::of(full);
  NaiveSpectrum spectrum(halved, full);
  std::vector<double> real(full), imaginary(full);
  for (int64_t a = 0; a < halved; ++a) {
    std::fill(real.begin(), real.end(), 0.0);
    std::fill(imaginary.begin(), imaginary.end(), 0.0);
    bool zero = true;
    for (int64_t b = 0; b < full; ++b) {
      const double value = tile[a * full + b];
      if (value == 0) continue;
      zero = false;
      for (int64_t f = 0; f < full; ++f) {
        real[f] += value * full_twiddles.cosines[b * full + f];
        imaginary[f] -= value * full_twiddles.sines[b * full + f];
      }
    }
    if (zero) continue;
    for (int64_t h = 0; h <= halved / 2; ++h) {
      const double cosine = halved_twiddles.cosines[a * halved + h], sine = halved_twiddles.sines[a * halved + h];
      for (int64_t f = 0; f < full; ++f) {
        spectrum.real[h * full + f] += real[f] * cosine + imaginary[f] * sine;
        spectrum.imaginary[h * full + f] += imaginary[f] * cosine - real[f] * sine;
      }
    }
  }
  return spectrum;
}

/// The real tile [a][b] whose spectrum this is, times its number of points.
inline std::vector<double> naive_tile(const NaiveSpectrum& spectrum) {
  const int64_t halved = spectrum.halved_points, full = spectrum.full_points;
  const TwiddleMatrix &halved_twiddles = TwiddleMatrix::of(halved), &full_twiddles = TwiddleMatrix::of(full);
  std::vector<double> tile(halved * full), real(full), imaginary(full);
  for (int64_t h = 0; h <= halved / 2; ++h) {
    const double times = h == 0 || 2 * h == halved ? 1 : 2;  // for the conjugate
    std::fill(real.begin(), real.end(), 0.0);
    std::fill(imaginary.begin(), imaginary.end(), 0.0);
    for (int64_t f = 0; f < full; ++f) {
      const std::complex<double> value = times * spectrum.at(h, f);
      for (int64_t b = 0; b < full; ++b) {
        const double cosine = full_twiddles.cosines[f * full + b], sine = full_twiddles.sines[f * full + b];
        real[b] += value.real() * cosine - value.imag() * sine;
        imaginary[b] += value.imag() * cosine + value.real() * sine;
      }
    }
    for (int64_t a = 0; a < halved; ++a) {
      const double cosine = halved_twiddles.cosines[a * halved + h], sine = halved_twiddles.sines[a * halved + h];
      for (int64_t b = 0; b < full; ++b) tile[a * full + b] += real[b] * cosine - imaginary[b] * sine;
    }
  }
  return tile;
}

/// Position of a stored frequency.
struct StoredPoint {
  int64_t h, f, point;
  bool real;  ///< its own conjugate
};

/// All stored frequencies, in the order documented at FrequencyOrder.
inline std::vector<StoredPoint> stored_points(const cpu::FrequencyOrder& order) {
  const int64_t halved = order.halved_points, full = order.full_points;
  std::vector<StoredPoint> points;
  for (int64_t f = 0; f <= full / 2; ++f) {
    const bool real = f == 0 || 2 * f == full;
    points.push_back({0, f, order.zero[f], real});
    points.push_back({halved / 2, f, order.nyquist[f], real});
  }
  for (int64_t h = 1; h < halved / 2; ++h) {
    for (int64_t f = 0; f < full; ++f) points.push_back({h, f, order.column_begin(h) + order.general[f], false});
  }
  return points;
}

/// Halved and full points: every transform size once on each axis, and the extremes together.
inline std::vector<std::pair<int64_t, int64_t>> tile_sizes() {
  constexpr int64_t kSizes = std::size(kTransformSizes);
  std::vector<std::pair<int64_t, int64_t>> sizes = {{8, 8}, {64, 64}, {8, 64}, {64, 8}};
  for (int64_t i = 0; i < kSizes; ++i) sizes.emplace_back(kTransformSizes[i], kTransformSizes[(7 * i + 3) % kSizes]);
  return sizes;
}

/// A sum with n roundings of random sign has a relative error of about √n · 2^−24 / √3. Transforms along
/// two axes have some thirty of them: two for a coefficient, then the sums of three radixes or of half a kernel's taps,
/// and the same again. Twice that is allowed.
constexpr double kTransformTolerance = 4e-7;

}  // namespace dnd::test
