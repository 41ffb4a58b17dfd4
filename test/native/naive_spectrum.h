#pragma once

#include <complex>
#include <cstdint>
#include <iterator>
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
      : halved_points(halved), full_points(full), values((halved / 2 + 1) * full) {}

  std::complex<double>& at(int64_t h, int64_t f) { return values[h * full_points + f]; }
  const std::complex<double>& at(int64_t h, int64_t f) const { return values[h * full_points + f]; }

  int64_t halved_points, full_points;
  std::vector<std::complex<double>> values;
};

/// e^(−2πi·n/points)
inline std::vector<std::complex<double>> roots(int64_t points) {
  std::vector<std::complex<double>> all;
  for (int64_t n = 0; n < points; ++n) all.emplace_back(cosine_of_turn(n, points), -sine_of_turn(n, points));
  return all;
}

/// Σ tile[a][b] e^(−2πi(ah/halved + bf/full)); rows of zeros cost nothing.
inline NaiveSpectrum naive_spectrum(const std::vector<double>& tile, int64_t halved, int64_t full) {
  const std::vector<std::complex<double>> halved_roots = roots(halved), full_roots = roots(full);
  NaiveSpectrum spectrum(halved, full);
  for (int64_t a = 0; a < halved; ++a) {
    std::vector<std::complex<double>> row(full);
    bool zero = true;
    for (int64_t b = 0; b < full; ++b) {
      const double value = tile[a * full + b];
      if (value == 0) continue;
      zero = false;
      for (int64_t f = 0; f < full; ++f) row[f] += value * full_roots[b * f % full];
    }
    if (zero) continue;
    for (int64_t h = 0; h <= halved / 2; ++h) {
      const std::complex<double> root = halved_roots[a * h % halved];
      for (int64_t f = 0; f < full; ++f) spectrum.at(h, f) += row[f] * root;
    }
  }
  return spectrum;
}

/// The real tile [a][b] whose spectrum this is, times its number of points.
inline std::vector<double> naive_tile(const NaiveSpectrum& spectrum) {
  const int64_t halved = spectrum.halved_points, full = spectrum.full_points;
  const std::vector<std::complex<double>> halved_roots = roots(halved), full_roots = roots(full);
  std::vector<double> tile(halved * full);
  for (int64_t h = 0; h <= halved / 2; ++h) {
    const double times = h == 0 || 2 * h == halved ? 1 : 2;  // for the conjugate
    std::vector<std::complex<double>> line(full);
    for (int64_t f = 0; f < full; ++f) {
      for (int64_t b = 0; b < full; ++b) line[b] += spectrum.at(h, f) * std::conj(full_roots[b * f % full]);
    }
    for (int64_t a = 0; a < halved; ++a) {
      const std::complex<double> root = times * std::conj(halved_roots[a * h % halved]);
      for (int64_t b = 0; b < full; ++b) tile[a * full + b] += std::real(line[b] * root);
    }
  }
  return tile;
}

/// Where a frequency is stored.
struct StoredPoint {
  int64_t h, f, point;
  bool real;  ///< its own conjugate
};

/// All stored frequencies, as the comment at FrequencyOrder has them.
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

/// A sum that passes through n roundings of random sign has a relative error of about √n · 2^−24 / √3. Transforms along
/// two axes have some thirty of them: two for a coefficient, then the sums of three radixes or of half a kernel's taps,
/// and the same again. Twice that is allowed.
constexpr double kTransformTolerance = 4e-7;

}  // namespace dnd::test
