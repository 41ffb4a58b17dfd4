#include "cuda/kernels/spectral_forward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/status.h"
#include "test/cuda/device_buffer.h"
#include "test/cuda/spectral_cases.h"

namespace dnd::cuda {
namespace {

using test::CaseNorm;
using test::DeviceBuffer;
using test::doubles;
using test::random_values;
using test::relative_error;
using test::SpectralCase;
using test::TestStream;

constexpr float kCentre = 3;

struct Input {
  explicit Input(const SpectralCase& of) : c(of), norm(of, kCentre), x(random_values(of.convolution.inputs(), 71)) {
    if (c.normalised) {
      for (float& value : x) value += kCentre;
    }
    for (int64_t task = 0; task < c.convolution.batch; ++task)
      scales.push_back(std::exp2(static_cast<float>(task - 1)));
  }
  int64_t pitch() const { return cuda_channel_pitch(c.geometry().channels); }

  SpectralCase c;
  CaseNorm norm;
  std::vector<float> x, scales;
};

/// Spectra of tiles [first, first + tiles).
template <typename Element>
std::vector<Element> spectra_of(const Input& input, int64_t first, int64_t tiles, bool naive = false) {
  const SpectralCase& c = input.c;
  DeviceBuffer<float> x(input.x), scales(input.scales);
  DeviceBuffer<float> mean_rstd(input.norm.mean_rstd), weight(input.norm.weight), bias(input.norm.bias);
  DeviceBuffer<Element> spectra(2 * c.tiling().frequencies() * tiles * input.pitch());
  SpectralForward<Element> arguments = {.geometry = c.geometry(),
                                        .tiling = c.tiling(),
                                        .x = x.data(),
                                        .mean_rstd = nullptr,
                                        .norm_weight = nullptr,
                                        .norm_bias = nullptr,
                                        .scales = sizeof(Element) == 2 ? scales.data() : nullptr,
                                        .first_tile = first,
                                        .tiles = tiles,
                                        .spectra = spectra.data()};
  if (c.normalised) {
    arguments.mean_rstd = mean_rstd.data(), arguments.norm_weight = weight.data(), arguments.norm_bias = bias.data();
  }
  const TestStream stream;
  (naive ? spectral_forward_naive<Element> : spectral_forward<Element>)(stream, arguments);
  stream.synchronise();
  return spectra.download();
}

template <typename Element>
std::vector<double> wanted_spectra(const Input& input) {
  const SpectralCase& c = input.c;
  const Geometry g = c.geometry();
  const CudaTiling tiling = c.tiling();
  const std::vector<double> x = test::normalised_input(c, input.x, input.norm);
  const int full = static_cast<int>(tiling.full.points), halved = static_cast<int>(tiling.halved.points);
  const int64_t tiles = c.tiles(), pitch = input.pitch();
  std::vector<double> wanted(2 * tiling.frequencies() * tiles * pitch, 0.0);
  for (int64_t t = 0; t < tiles; ++t) {
    const test::CaseTile at = test::tile_of(tiling, t);
    const double scale =
        (sizeof(Element) == 2 ? input.scales[at.task] : 1) / std::sqrt(static_cast<double>(full * halved));
    for (int64_t channel = 0; channel < g.channels; ++channel) {
      std::vector<double> tile(full * halved);
      for (int a = 0; a < full; ++a) {
        for (int b = 0; b < halved; ++b) {
          const int64_t along_full = tiling.full.input_begin(at.full) + a;
          const int64_t along_halved = tiling.halved.input_begin(at.halved) + b;
          if (along_full < 0 || along_full >= tiling.full.size) continue;
          if (along_halved < 0 || along_halved >= tiling.halved.size) continue;
          tile[a * halved + b] = x[test::index_of(g.x, c.halved_is_rows, at.task, channel, along_full, along_halved)];
        }
      }
      const std::vector<std::complex<double>> spectrum = test::naive_spectrum(tile, full, halved);
      for (size_t f = 0; f < spectrum.size(); ++f) {
        wanted[(2 * f * tiles + t) * pitch + channel] = spectrum[f].real() * scale;
        wanted[((2 * f + 1) * tiles + t) * pitch + channel] = spectrum[f].imag() * scale;
      }
    }
  }
  return wanted;
}

template <typename Element>
void expect_spectra(const SpectralCase& c) {
  SCOPED_TRACE(testing::Message() << c << (sizeof(Element) == 2 ? ", halves" : ", floats"));
  const Input input(c);
  const std::vector<double> found = doubles(spectra_of<Element>(input, 0, c.tiles()));
  EXPECT_LE(relative_error(found, wanted_spectra<Element>(input)), test::kTolerance<Element>);
  const int64_t channels = c.geometry().channels, pitch = input.pitch();
  for (size_t i = 0; i < found.size(); ++i) {
    if (static_cast<int64_t>(i) % pitch < channels) continue;
    ASSERT_EQ(found[i], 0) << "above the channels, at " << i;
  }
}

TEST(SpectralForward, agrees_with_its_definition_for_every_size_in_floats) {
  for (const SpectralCase& c : test::spectral_cases()) expect_spectra<float>(c);
}

TEST(SpectralForward, agrees_with_its_definition_for_every_size_in_halves) {
  for (const SpectralCase& c : test::spectral_cases()) expect_spectra<Half>(c);
}

TEST(SpectralForward, agrees_with_its_definition_where_axes_are_one_long) {
  for (DndAxis axis : {kDndWidth, kDndHeight, kDndToken}) {
    for (bool normalised : {false, axis != kDndToken}) {
      for (bool halved_is_rows : {false, true}) {
        expect_spectra<float>({{axis, 2, 1, 1, 1, 1, 11}, 16, 14, halved_is_rows, normalised});
        expect_spectra<float>({{axis, 2, 5, 1, 1, 1, 3}, 16, 14, halved_is_rows, normalised});
        expect_spectra<float>({{axis, 2, 1, 5, 1, 1, 3}, 14, 16, halved_is_rows, normalised});
        expect_spectra<float>({{axis, 2, 1, 1, 5, 1, 3}, 14, 14, halved_is_rows, normalised});
      }
    }
  }
}

const SpectralCase kSomeCases[] = {{{kDndWidth, 2, 20, 17, 25, 1, 5}, 16, 14, true, true},
                                   {{kDndHeight, 2, 21, 9, 30, 1, 9}, 14, 24, false, true},
                                   {{kDndToken, 2, 7, 33, 19, 1, 3}, 32, 14, true, false}};

template <typename Element>
void expect_chunks_and_naive() {
  for (const SpectralCase& c : kSomeCases) {
    SCOPED_TRACE(testing::Message() << c);
    const Input input(c);
    const int64_t tiles = c.tiles();
    ASSERT_GT(tiles, 3);
    const std::vector<Element> all = test::same_for_every_order([&] { return spectra_of<Element>(input, 0, tiles); });
    EXPECT_LE(relative_error(doubles(all), doubles(spectra_of<Element>(input, 0, tiles, true))),
              test::kTolerance<Element>);
    for (int64_t first = 0; first < tiles; first += 3) {
      const int64_t count = std::min<int64_t>(3, tiles - first);
      const std::vector<Element> chunk = spectra_of<Element>(input, first, count);
      const size_t row = count * input.pitch();
      for (size_t component = 0; component < chunk.size() / row; ++component) {
        const Element* of_all = all.data() + (component * tiles + first) * input.pitch();
        ASSERT_EQ(std::memcmp(chunk.data() + component * row, of_all, row * sizeof(Element)), 0)
            << "chunk at tile " << first << ", component " << component;
      }
    }
  }
}

TEST(SpectralForward, gives_the_same_floats_in_any_order_and_chunk_and_the_naive_kernels) {
  expect_chunks_and_naive<float>();
}

TEST(SpectralForward, gives_the_same_halves_in_any_order_and_chunk_and_the_naive_kernels) {
  expect_chunks_and_naive<Half>();
}

TEST(SpectralForward, refuses_a_size_without_a_transform) {
  const SpectralCase c = {{kDndToken, 1, 2, 3, 4, 1, 3}, 14, 18, false, false};
  EXPECT_THROW(spectra_of<float>(Input(c), 0, 1), Error);
}

}  // namespace
}  // namespace dnd::cuda
