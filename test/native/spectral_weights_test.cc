#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "cpu/isa/kernels.h"
#include "cpu/isa/spectral_kernels.h"
#include "cpu/spectral/frequency_order.h"
#include "cpu/spectral/tap_twiddles.h"
#include "naive_spectrum.h"
#include "random_values.h"
#include "spectral_isa.h"

namespace dnd::cpu {
namespace {

using test::kTransformTolerance;
using test::naive_spectrum;
using test::NaiveSpectrum;
using test::random_values;
using test::relative_error;
using test::stored_points;
using test::StoredPoint;
using test::tile_sizes;

constexpr float kUntouched = 1234.5f;
constexpr int64_t kGap = 16;  ///< floats that must not be touched, behind every column and every component

/// Kernels [output channel][input channel][k][k] for two vectors of output channels, as in a panel; the second
/// vector is not full.
struct Weights {
  int64_t kernel, channels, outs;
  bool halved_is_i;
  std::vector<float> taps;

  Weights(int64_t kernel, bool halved_is_i)
      : kernel(kernel), channels(2), outs(2 * isa().lanes - 1), halved_is_i(halved_is_i) {
    taps = random_values(outs * channels * kernel * kernel, static_cast<uint32_t>(kernel));
  }

  float tap(int64_t out, int64_t channel, int64_t halved, int64_t full) const {
    const int64_t i = halved_is_i ? halved : full, j = halved_is_i ? full : halved;
    return taps[((out * channels + channel) * kernel + i) * kernel + j];
  }

  TapView view(int64_t vector) const {
    const int64_t out = vector * isa().lanes, out_stride = channels * kernel * kernel;
    return {taps.data() + out * out_stride,    kDndFloat32Weight,           out_stride,
            std::min(isa().lanes, outs - out), kernel * kernel,
            halved_is_i ? kernel : 1,          halved_is_i ? 1 : kernel};
  }
};

/// Spectra of all kernels: [point][component][input channel][vector][lane].
struct WeightSpectra {
  int64_t count;  ///< vectors of a component
  int64_t component_stride;
  std::vector<float> floats;

  WeightSpectra(const FrequencyOrder& order, int64_t channels)
      : count(2 * channels),
        component_stride(count * isa().lanes + kGap),
        floats(3 * order.points() * component_stride, kUntouched) {}

  float at(int64_t point, int64_t component, int64_t out, int64_t channel) const {
    return floats[(3 * point + component) * component_stride + 2 * channel * isa().lanes + out];
  }
};

/// Both halves of the transform. A column's steps are taken `slab_steps` at a time.
WeightSpectra spectra_of(const Weights& weights, const FrequencyOrder& order, int64_t slab_steps) {
  const int64_t half = weights.kernel / 2, kernel_floats = 2 * weights.kernel * isa().lanes;
  const int64_t full = order.full_points, steps = full / 4 + 1;
  const TwiddleTable halved_twiddles(order.halved_points, half), full_twiddles(full, half);

  const int64_t column_stride = 2 * weights.channels * kernel_floats + kGap;
  std::vector<float> rows(order.columns() * column_stride, kUntouched);
  for (int64_t vector = 0; vector < 2; ++vector) {
    isa().halve[half](weights.view(vector), weights.channels, halved_twiddles.all(), order.columns(),
                      rows.data() + vector * kernel_floats, column_stride, 2 * kernel_floats);
  }
  WeightSpectra spectra(order, weights.channels);
  for (int64_t column = 0; column < order.columns(); ++column) {
    const float* gap = rows.data() + (column + 1) * column_stride - kGap;
    for (int64_t i = 0; i < kGap; ++i) EXPECT_EQ(gap[i], kUntouched) << "behind column " << column;
    int64_t point = order.column_begin(column);
    for (int64_t step = 0; step < steps; step += slab_steps) {
      const int64_t end = std::min(steps, step + slab_steps);
      isa().columns[half](rows.data() + column * column_stride, spectra.count, full_twiddles.all(), full, column == 0,
                          step, end, spectra.floats.data() + 3 * point * spectra.component_stride,
                          spectra.component_stride);
      point += points_of_steps(full, column == 0, step, end);
    }
    EXPECT_EQ(point, order.column_begin(column + 1));
  }
  return spectra;
}

/// The circular tile whose convolution is the cross-correlation with a kernel: its taps in reverse, the middle one at
/// point 0. Taps that meet in a tile of fewer points than the kernel has taps are added.
std::vector<double> flipped_tile(const Weights& weights, const FrequencyOrder& order, int64_t out, int64_t channel) {
  const int64_t halved = order.halved_points, full = order.full_points, half = weights.kernel / 2;
  std::vector<double> tile(halved * full);
  for (int64_t a = 0; a < weights.kernel; ++a) {
    for (int64_t b = 0; b < weights.kernel; ++b) {
      const int64_t place_a = (half - a + halved) % halved, place_b = (half - b + full) % full;
      tile[place_a * full + place_b] += static_cast<double>(weights.tap(out, channel, a, b));
    }
  }
  return tile;
}

/// Every kernel with every `step`th pair of sizes, alternating whether axis i is the halved or the full one.
template <typename Check>
void for_each_kernel_and_tile(size_t step, Check check) {
  for (int64_t kernel = 1; kernel <= kLargestSpectralKernel; kernel += 2) {
    const Weights either[] = {{kernel, false}, {kernel, true}};
    for (size_t i = 0; i < tile_sizes().size(); i += step) {
      const auto [halved, full] = tile_sizes()[i];
      const Weights& weights = either[(kernel / 2 + i / step) % 2];
      SCOPED_TRACE("kernel " + std::to_string(kernel) + ", " + std::to_string(halved) + " × " + std::to_string(full) +
                   " points, axis " + (weights.halved_is_i ? "i" : "j") + " halved");
      check(weights, frequency_order(halved, full));
    }
  }
}

void expect_zeros_and_gaps(const Weights& weights, const WeightSpectra& spectra) {
  int64_t filled_lanes = 0, touched = 0;
  const auto components = static_cast<int64_t>(spectra.floats.size()) / spectra.component_stride;
  for (int64_t i = 0; i < components; ++i) {
    const float* component = spectra.floats.data() + i * spectra.component_stride;
    for (int64_t channel = 0; channel < weights.channels; ++channel) {
      filled_lanes += component[2 * channel * isa().lanes + weights.outs] != 0;
    }
    for (int64_t j = spectra.count * isa().lanes; j < spectra.component_stride; ++j) {
      touched += component[j] != kUntouched;
    }
  }
  EXPECT_EQ(filled_lanes, 0) << "numbers in the lane without an output channel";
  EXPECT_EQ(touched, 0) << "floats between components";
}

TEST(WeightTransform, agrees_with_the_transform_of_the_flipped_kernel_for_every_kernel_and_tile_size) {
  for_each_kernel_and_tile(1, [](const Weights& weights, const FrequencyOrder& order) {
    const WeightSpectra spectra = spectra_of(weights, order, 1 << 20);
    expect_zeros_and_gaps(weights, spectra);
    for (int64_t quarter = 0; quarter < 4; ++quarter) {  // other lanes for other sizes
      const int64_t out = (order.halved_points / 2 + quarter * weights.outs / 4) % weights.outs;
      const int64_t channel = out % weights.channels;
      const NaiveSpectrum naive =
          naive_spectrum(flipped_tile(weights, order, out, channel), order.halved_points, order.full_points);
      std::vector<double> found, wanted;
      int64_t wrong_sums = 0, imaginary_reals = 0;
      for (const StoredPoint& stored : stored_points(order)) {
        const float real = spectra.at(stored.point, 0, out, channel);
        const float imaginary = spectra.at(stored.point, 1, out, channel);
        wrong_sums += spectra.at(stored.point, 2, out, channel) != real + imaginary;
        imaginary_reals += stored.real && imaginary != 0;
        const std::complex<double> exact = naive.at(stored.h, stored.f);
        found.push_back(real), found.push_back(imaginary);
        wanted.push_back(exact.real()), wanted.push_back(exact.imag());
      }
      EXPECT_EQ(wrong_sums, 0) << "third components that are not the sum of the others";
      EXPECT_EQ(imaginary_reals, 0) << "frequencies that are their own conjugates, and not real";
      ASSERT_LE(relative_error(found, wanted), kTransformTolerance) << "output channel " << out;
    }
  });
}

TEST(WeightTransform, gives_the_same_bytes_for_any_slab_size) {
  for_each_kernel_and_tile(3, [](const Weights& weights, const FrequencyOrder& order) {
    const std::vector<float> whole = spectra_of(weights, order, 1 << 20).floats;
    for (int64_t slab_steps : {1, 3}) EXPECT_EQ(spectra_of(weights, order, slab_steps).floats, whole) << slab_steps;
  });
}

}  // namespace
}  // namespace dnd::cpu
