#include "cuda/kernels/spectral_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/status.h"
#include "test/cuda/device_buffer.h"
#include "test/cuda/spectral_cases.h"

namespace dnd::cuda {
namespace {

using test::DeviceBuffer;
using test::doubles;
using test::random_values;
using test::relative_error;
using test::SpectralCase;
using test::TestStream;

constexpr float kScale = 0x1p7f;

/// Which output channels, and how many the spectra have space for.
struct Outs {
  int64_t first, count, rows;
};

template <typename Element>
std::vector<Element> spectra_of(const SpectralCase& c, const std::vector<float>& weight, const Outs& outs,
                                bool naive = false) {
  DeviceBuffer<float> taps(weight), scale(std::vector<float>{kScale});
  DeviceBuffer<Element> spectra(2 * c.tiling().frequencies() * outs.rows * cuda_channel_pitch(c.geometry().channels));
  const SpectralWeights<Element> arguments = {.geometry = c.geometry(),
                                              .tiling = c.tiling(),
                                              .weight = taps.data(),
                                              .scale = sizeof(Element) == 2 ? scale.data() : nullptr,
                                              .first_out = outs.first,
                                              .outs = outs.count,
                                              .rows = outs.rows,
                                              .spectra = spectra.data()};
  const TestStream stream;
  (naive ? spectral_weights_naive<Element> : spectral_weights<Element>)(stream, arguments);
  stream.synchronise();
  return spectra.download();
}

template <typename Element>
std::vector<double> wanted_spectra(const SpectralCase& c, const std::vector<float>& weight) {
  const Geometry g = c.geometry();
  const CudaTiling tiling = c.tiling();
  const int full = static_cast<int>(tiling.full.points), halved = static_cast<int>(tiling.halved.points);
  const int64_t pitch = cuda_channel_pitch(g.channels), k = g.kernel, outs = g.out_channels;
  const double scale = sizeof(Element) == 2 ? kScale : 1;
  std::vector<double> wanted(2 * tiling.frequencies() * outs * pitch, 0.0);
  for (int64_t out = 0; out < outs; ++out) {
    for (int64_t channel = 0; channel < g.channels; ++channel) {
      std::vector<double> tile(full * halved);
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t j = 0; j < k; ++j) {
          const int64_t along_full = c.halved_is_rows ? j : i, along_halved = c.halved_is_rows ? i : j;
          const int64_t a = (k / 2 - along_full + 2 * full) % full, b = (k / 2 - along_halved + 2 * halved) % halved;
          tile[a * halved + b] += scale * weight[((out * g.channels + channel) * k + i) * k + j];
        }
      }
      const std::vector<std::complex<double>> spectrum = test::naive_spectrum(tile, full, halved);
      for (size_t f = 0; f < spectrum.size(); ++f) {
        wanted[(2 * f * outs + out) * pitch + channel] = spectrum[f].real();
        wanted[((2 * f + 1) * outs + out) * pitch + channel] = spectrum[f].imag();
      }
    }
  }
  return wanted;
}

template <typename Element>
void expect_every_size() {
  for (SpectralCase c : test::spectral_cases()) {
    c.convolution.outs = std::min<int64_t>(c.convolution.outs, c.geometry().channels > 100 ? 2 : 5);
    SCOPED_TRACE(testing::Message() << c);
    const int64_t outs = c.convolution.outs;
    const std::vector<float> weight = random_values(c.convolution.weights(), 81);
    const std::vector<double> found = doubles(spectra_of<Element>(c, weight, {0, outs, outs}));
    EXPECT_LE(relative_error(found, wanted_spectra<Element>(c, weight)), test::kTolerance<Element>);
    const int64_t channels = c.geometry().channels, pitch = cuda_channel_pitch(channels);
    for (size_t i = 0; i < found.size(); ++i) {
      if (static_cast<int64_t>(i) % pitch < channels) continue;
      ASSERT_EQ(found[i], 0) << "above the channels, at " << i;
    }
  }
}

TEST(SpectralWeights, agree_with_their_definition_for_every_size_in_floats) { expect_every_size<float>(); }

TEST(SpectralWeights, agree_with_their_definition_for_every_size_in_halves) { expect_every_size<Half>(); }

TEST(SpectralWeights, add_taps_that_meet_at_a_point) {
  for (int32_t kernel : {15, 17, 31, 33}) {
    for (bool halved_is_rows : {false, true}) {
      const SpectralCase c = {{kDndToken, 1, 3, 1, 1, 2, kernel}, 14, 32, halved_is_rows, false};
      SCOPED_TRACE(testing::Message() << c);
      const std::vector<float> weight = random_values(c.convolution.weights(), 82);
      const std::vector<double> wanted = wanted_spectra<float>(c, weight);
      EXPECT_LE(relative_error(spectra_of<float>(c, weight, {0, 2, 2}), wanted), test::kFloatTolerance);
      EXPECT_LE(relative_error(spectra_of<float>(c, weight, {0, 2, 2}, true), wanted), test::kFloatTolerance);
    }
  }
}

template <typename Element>
void expect_parts_and_naive() {
  const SpectralCase c = {{kDndWidth, 1, 20, 17, 25, 7, 5}, 16, 24, true, false};
  const int64_t pitch = cuda_channel_pitch(25);
  const std::vector<float> weight = random_values(c.convolution.weights(), 83);
  const std::vector<Element> all = test::same_for_every_order([&] {
    return spectra_of<Element>(c, weight, {0, 7, 7});
  });
  EXPECT_LE(relative_error(doubles(all), doubles(spectra_of<Element>(c, weight, {0, 7, 7}, true))),
            test::kTolerance<Element>);
  const Outs outs = {2, 3, 4};
  const std::vector<Element> part = spectra_of<Element>(c, weight, outs);
  for (size_t component = 0; component < part.size() / (outs.rows * pitch); ++component) {
    const Element* rows = part.data() + component * outs.rows * pitch;
    ASSERT_EQ(
        std::memcmp(rows, all.data() + (component * 7 + outs.first) * pitch, outs.count * pitch * sizeof(Element)), 0)
        << "component " << component;
    for (int64_t i = outs.count * pitch; i < outs.rows * pitch; ++i) {
      const auto* bytes = reinterpret_cast<const unsigned char*>(rows + i);
      ASSERT_EQ(bytes[0] & bytes[1], 0xff) << "written beyond the output channels asked for";
    }
  }
}

TEST(SpectralWeights, are_the_same_floats_in_any_order_and_part_and_the_naive_kernels) {
  expect_parts_and_naive<float>();
}

TEST(SpectralWeights, are_the_same_halves_in_any_order_and_part_and_the_naive_kernels) {
  expect_parts_and_naive<Half>();
}

TEST(SpectralWeights, refuse_a_size_without_a_transform) {
  const SpectralCase c = {{kDndToken, 1, 2, 3, 4, 1, 3}, 12, 16, false, false};
  EXPECT_THROW(spectra_of<float>(c, random_values(c.convolution.weights(), 84), {0, 1, 1}), Error);
}

}  // namespace
}  // namespace dnd::cuda
