#pragma once

/// Convolutions and tilings to test the spectral kernels with, and what these compute by definition, in double.

#include <algorithm>
#include <complex>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/roots_of_unity.h"
#include "cuda/device/half.h"
#include "cuda/kernels/stored_spectrum.h"
#include "plan/cuda_plan.h"
#include "plan/geometry.h"
#include "test/cuda/device_buffer.h"
#include "test/native/naive_convolution.h"

namespace dnd::test {

/// Roundings of a transform along two axes: see naive_spectrum.h of the native tests.
constexpr double kFloatTolerance = 1e-6;
/// A half's relative error is uniform in ±2^−11 at most: 2^−11 / √3 = 2.8e-4, and the transform's own.
constexpr double kHalfTolerance = 4e-4;

template <typename Element>
constexpr double kTolerance = sizeof(Element) == 2 ? kHalfTolerance : kFloatTolerance;

inline std::vector<double> doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }
inline std::vector<double> doubles(const std::vector<cuda::Half>& values) {
  std::vector<double> result;
  for (cuda::Half value : values) result.push_back(cuda::to_float(value));
  return result;
}

struct SpectralCase {
  ConvolutionCase convolution;
  int64_t points_full, points_halved;
  bool halved_is_rows;
  bool normalised;

  DndConvolution described(DndEpilogue epilogue = kDndStore) const {
    DndConvolution described = convolution_of(convolution);
    described.normalised = normalised;
    described.epilogue = epilogue;
    return described;
  }
  Geometry geometry(DndEpilogue epilogue = kDndStore) const { return convolution_geometry(described(epilogue)); }
  CudaTiling tiling() const {
    const Geometry g = geometry();
    return {{halved_is_rows ? g.columns : g.rows, g.kernel, points_full},
            {halved_is_rows ? g.rows : g.columns, g.kernel, points_halved},
            halved_is_rows};
  }
  int64_t tiles() const { return convolution.batch * tiling().plane_tiles(); }
};

inline std::ostream& operator<<(std::ostream& out, const SpectralCase& c) {
  return out << c.convolution << ", " << c.points_full << " x " << c.points_halved << " points, "
             << (c.halved_is_rows ? "rows" : "columns") << " halved" << (c.normalised ? ", normalised" : "");
}

/// Whether a tile of so many points has outputs: a kernel longer than it is possible where the axis is one whole tile.
inline bool tiles_fit(const SpectralCase& c) { return c.tiling().full.valid() >= 1 && c.tiling().halved.valid() >= 1; }

/// Every pair of sizes and either axis halved, with kernels, axes and channels in turn; planes of one tile and of
/// several, shorter than the kernel and odd ones.
inline std::vector<SpectralCase> spectral_cases(int64_t most_tiles = 6) {
  constexpr int32_t kKernels[] = {1, 3, 5, 9, 11, 13, 15};
  constexpr int64_t kChannels[] = {1, 7, 25, 16, 129};
  std::mt19937 random(51);
  const auto up_to = [&random](int64_t most) { return static_cast<int64_t>(1 + random() % most); };
  std::vector<SpectralCase> cases;
  int number = 0;
  for (int64_t full : kCudaTransformSizes) {
    for (int64_t halved : kCudaTransformSizes) {
      for (bool halved_is_rows : {false, true}) {
        const DndAxis axis = static_cast<DndAxis>(number % 3);
        const int64_t channels = kChannels[number % 5];
        SpectralCase c;
        do {
          const int64_t outs = up_to(20), rows = up_to(40), columns = up_to(40);
          const ConvolutionCase sizes[] = {{axis, up_to(3), columns, rows, channels, outs, 0},
                                           {axis, up_to(3), rows, channels, columns, outs, 0},
                                           {axis, up_to(3), channels, rows, columns, outs, 0}};
          c = {sizes[axis], full, halved, halved_is_rows, axis != kDndToken && number % 2 == 0};
          c.convolution.kernel = kKernels[number % 7];
        } while (!tiles_fit(c) || c.tiles() > (channels > 100 ? 2 : most_tiles));
        cases.push_back(c);
        ++number;
      }
    }
  }
  return cases;
}

/// Cosines and sines of multiples of a fraction of a turn.
inline std::complex<double> root(int64_t numerator, int64_t denominator) {
  static std::map<int64_t, std::vector<std::complex<double>>> known;
  std::vector<std::complex<double>>& roots = known[denominator];
  for (int64_t i = static_cast<int64_t>(roots.size()); i < denominator; ++i) {
    roots.push_back({cosine_of_turn(i, denominator), sine_of_turn(i, denominator)});
  }
  return roots[(numerator % denominator + denominator) % denominator];
}

/// Σ tile[a][b] e^(−2πi(a·row/points_full + b·column/points_halved)) of the stored frequencies, in their order.
inline std::vector<std::complex<double>> naive_spectrum(const std::vector<double>& tile, int points_full,
                                                        int points_halved) {
  const int columns = points_halved / 2 + 1;
  std::vector<std::complex<double>> lines(points_full * columns);
  for (int a = 0; a < points_full; ++a) {
    for (int b = 0; b < points_halved; ++b) {
      const double value = tile[a * points_halved + b];
      if (value == 0) continue;
      for (int h = 0; h < columns; ++h) lines[a * columns + h] += value * std::conj(root(b * h, points_halved));
    }
  }
  std::vector<std::complex<double>> spectrum;
  for (int f = 0; f < cuda::frequency_count(points_full, points_halved); ++f) {
    const cuda::FrequencyPlace place = cuda::frequency_place(points_full, points_halved, f);
    std::complex<double> sum = 0;
    for (int a = 0; a < points_full; ++a) {
      sum += lines[a * columns + place.column] * std::conj(root(a * place.row, points_full));
    }
    spectrum.push_back(sum);
  }
  return spectrum;
}

/// The real tile whose stored frequencies these are, times its number of points.
inline std::vector<double> naive_tile(const std::vector<std::complex<double>>& spectrum, int points_full,
                                      int points_halved) {
  const int columns = points_halved / 2 + 1;
  std::vector<std::complex<double>> lines(points_full * columns);
  for (int f = 0; f < cuda::frequency_count(points_full, points_halved); ++f) {
    const auto [row, column] = cuda::frequency_place(points_full, points_halved, f);
    const bool symmetric_column = column == 0 || 2 * column == points_halved;
    const bool symmetric_row = row == 0 || 2 * row == points_full;
    for (int a = 0; a < points_full; ++a) {
      lines[a * columns + column] += spectrum[f] * root(a * row, points_full);
      if (symmetric_column && !symmetric_row) {  // the conjugate of the column's other half
        lines[a * columns + column] += std::conj(spectrum[f]) * root(-a * row, points_full);
      }
    }
  }
  std::vector<double> tile(points_full * points_halved);
  for (int a = 0; a < points_full; ++a) {
    for (int h = 0; h < columns; ++h) {
      const double times = h == 0 || 2 * h == points_halved ? 1 : 2;
      for (int b = 0; b < points_halved; ++b) {
        tile[a * points_halved + b] += times * (lines[a * columns + h] * root(b * h, points_halved)).real();
      }
    }
  }
  return tile;
}

/// Where a tile of a batch is.
struct CaseTile {
  int64_t task, full, halved;
};
inline CaseTile tile_of(const CudaTiling& tiling, int64_t tile) {
  return {tile / tiling.plane_tiles(), tile % tiling.full.tiles(), tile / tiling.full.tiles() % tiling.halved.tiles()};
}

/// Index of a number in a tensor with these strides.
inline int64_t index_of(const Geometry::Strides& strides, bool halved_is_rows, int64_t task, int64_t channel,
                        int64_t along_full, int64_t along_halved) {
  const int64_t row = halved_is_rows ? along_halved : along_full, column = halved_is_rows ? along_full : along_halved;
  return task * strides.batch + channel * strides.channel + row * strides.row + column * strides.column;
}

/// What a case's input is normalised with, around values of `centre`.
struct CaseNorm {
  CaseNorm(const SpectralCase& c, float centre) {
    const ConvolutionCase& s = c.convolution;
    weight = random_values(s.height * s.width, 61), bias = random_values(s.height * s.width, 62);
    mean_rstd = random_values(s.batch * s.tokens * 3, 63);
    for (int64_t token = 0; token < s.batch * s.tokens; ++token) {
      float* of_token = mean_rstd.data() + 3 * token;
      of_token[0] = centre + 0.25f * of_token[0], of_token[1] *= 1e-7f, of_token[2] = 1.5f + of_token[2];
    }
  }
  std::vector<float> weight, bias, mean_rstd;
};

/// A case's input as its transform sees it, in double.
inline std::vector<double> normalised_input(const SpectralCase& c, const std::vector<float>& x, const CaseNorm& norm) {
  std::vector<double> result(x.begin(), x.end());
  if (!c.normalised) return result;
  const int64_t columns = c.convolution.height * c.convolution.width;
  for (size_t i = 0; i < x.size(); ++i) {
    const float* mean_rstd = norm.mean_rstd.data() + 3 * (i / columns);
    const int64_t column = i % columns;
    result[i] = (x[i] - static_cast<double>(mean_rstd[0]) - mean_rstd[1]) * mean_rstd[2] * norm.weight[column] +
                norm.bias[column];
  }
  return result;
}

}  // namespace dnd::test
