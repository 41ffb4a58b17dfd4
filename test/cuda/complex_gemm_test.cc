#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "core/integers.h"
#include "core/status.h"
#include "cuda/kernels/complex_gemm_fp32.h"
#include "cuda/kernels/complex_gemm_mma.h"
#include "plan/cuda_plan.h"
#include "test/cuda/device_values.h"
#include "test/cuda/emulator/control.h"
#include "test/native/random_values.h"

namespace dnd::cuda {
namespace {

using dnd::test::random_values;
using test::DeviceValues;
using test::TestStream;

constexpr int kProductTiles = static_cast<int>(std::size(kCudaProductTiles));

struct Sizes {
  int64_t frequencies;
  int tiles, outs, channels;
};
/// Nothing here is a multiple of a block's sizes; channels are fewer than a stage, and several stages and a part.
constexpr Sizes kRagged[] = {{1, 1, 1, 1},     {2, 9, 7, 7},     {1, 17, 25, 8},   {3, 1, 129, 25},
                             {1, 130, 25, 33}, {1, 9, 200, 129}, {2, 130, 7, 129}, {1, 17, 129, 200}};

template <typename T>
T stored(float value) {
  if constexpr (sizeof(T) == sizeof(Half)) {
    return to_half(value);
  } else {
    return value;
  }
}

/// Spectra [frequencies][2][rows][channel pitch], zeros above the channels.
template <typename T>
std::vector<T> random_spectra(int64_t frequencies, int64_t rows, int channels, uint32_t seed) {
  const int64_t pitch = cuda_channel_pitch(channels);
  const std::vector<float> values = random_values(frequencies * 2 * rows * channels, seed);
  std::vector<T> spectra(static_cast<size_t>(frequencies * 2 * rows * pitch), stored<T>(0));
  for (int64_t row = 0; row < frequencies * 2 * rows; ++row) {
    for (int c = 0; c < channels; ++c) spectra[row * pitch + c] = stored<T>(values[row * channels + c]);
  }
  return spectra;
}

template <typename T>
struct Problem {
  Problem(const Sizes& of, uint32_t seed)
      : sizes(of),
        channel_pitch(static_cast<int>(cuda_channel_pitch(of.channels))),
        output_pitch(static_cast<int>(cuda_output_pitch(of.outs)) + 4),  // a column more than is written
        x(random_spectra<T>(of.frequencies, of.tiles, of.channels, seed)),
        weight(random_spectra<T>(of.frequencies, of.outs, of.channels, seed + 1)) {}

  size_t y_elements() const { return static_cast<size_t>(sizes.frequencies * 2 * sizes.tiles * output_pitch); }

  ComplexGemm<T> arguments(const T* x_device, const T* weight_device, float* y_device) const {
    const int64_t x_component = int64_t{sizes.tiles} * channel_pitch, y_component = int64_t{sizes.tiles} * output_pitch;
    const int64_t weight_component = int64_t{sizes.outs} * channel_pitch;
    return {.x = x_device,
            .weight = weight_device,
            .y = y_device,
            .x_strides = {2 * x_component, x_component},
            .weight_strides = {2 * weight_component, weight_component},
            .y_strides = {2 * y_component, y_component},
            .frequencies = sizes.frequencies,
            .tiles = sizes.tiles,
            .outs = sizes.outs,
            .channel_pitch = channel_pitch,
            .output_pitch = output_pitch};
  }

  template <typename Launch>
  std::vector<float> run(Launch launch) const {
    const TestStream stream;
    const DeviceValues<T> x_device(stream, x), weight_device(stream, weight);
    const DeviceValues<float> y_device(y_elements());
    launch(stream, arguments(x_device.data(), weight_device.data(), y_device.data()));
    return y_device.read(stream);
  }

  Sizes sizes;
  int channel_pitch, output_pitch;
  std::vector<T> x, weight;
};

/// Every number is within the bound that holds for sums of 2k float products in any order, (2k + 1)·2⁻²⁴·Σ|x||w|, and
/// all of them together are much closer; up to the written columns there are zeros, and nothing beyond.
template <typename T>
void expect_product(const Problem<T>& problem, const std::vector<float>& y, double relative) {
  const Sizes& sizes = problem.sizes;
  const int64_t pitch = problem.channel_pitch, written = round_up(sizes.outs, 4);
  double difference = 0, norm = 0;
  for (int64_t f = 0; f < sizes.frequencies; ++f) {
    for (int64_t t = 0; t < sizes.tiles; ++t) {
      const T* xr = &problem.x[(f * 2 * sizes.tiles + t) * pitch];
      const T* xi = xr + sizes.tiles * pitch;
      const float* yr = &y[(f * 2 * sizes.tiles + t) * problem.output_pitch];
      const float* yi = yr + int64_t{sizes.tiles} * problem.output_pitch;
      for (int64_t o = 0; o < written; ++o) {
        double real = 0, imaginary = 0, magnitude = 0;
        if (o < sizes.outs) {
          const T* wr = &problem.weight[(f * 2 * sizes.outs + o) * pitch];
          const T* wi = wr + sizes.outs * pitch;
          for (int64_t c = 0; c < sizes.channels; ++c) {
            const double a = as_float(xr[c]), b = as_float(xi[c]), u = as_float(wr[c]), v = as_float(wi[c]);
            real += a * u - b * v;
            imaginary += a * v + b * u;
            magnitude += (std::abs(a) + std::abs(b)) * (std::abs(u) + std::abs(v));
          }
        }
        const double bound = (2.0 * sizes.channels + 1) * 0x1p-24 * magnitude;
        ASSERT_LE(std::abs(yr[o] - real), bound) << "re of " << f << ", " << t << ", " << o;
        ASSERT_LE(std::abs(yi[o] - imaginary), bound) << "im of " << f << ", " << t << ", " << o;
        difference += std::pow(yr[o] - real, 2) + std::pow(yi[o] - imaginary, 2);
        norm += real * real + imaginary * imaginary;
      }
      for (int64_t o = written; o < problem.output_pitch; ++o) {
        ASSERT_TRUE(std::isnan(yr[o]) && std::isnan(yi[o])) << "written beyond column " << written;
      }
    }
  }
  EXPECT_LE(std::sqrt(difference), relative * std::sqrt(norm));
}

void expect_same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0);
}

class MatrixUnits : public testing::TestWithParam<int> {};

TEST_P(MatrixUnits, MultiplyRaggedShapes) {
  const int product_tile = GetParam();
  for (const Sizes& sizes : kRagged) {
    SCOPED_TRACE(testing::Message() << sizes.frequencies << " × " << sizes.tiles << " × " << sizes.outs << " × "
                                    << sizes.channels);
    const Problem<Half> problem(sizes, 5);
    expect_product(problem, problem.run([&](runtime::Stream stream, const ComplexGemm<Half>& arguments) {
      complex_gemm_mma(stream, arguments, product_tile);
    }),
                   1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryProductTile, MatrixUnits, testing::Range(0, kProductTiles));

TEST(ComplexGemm, OfHalvesIsTheSameForEveryProductTileAndOrderOfThreads) {
  const Problem<Half> problem({2, 33, 129, 65}, 9);
  std::vector<float> first;
  for (int product_tile = 0; product_tile < kProductTiles; ++product_tile) {
    dnd_emulator_set_seed(static_cast<uint64_t>(product_tile) + 1);
    std::vector<float> y = problem.run([&](runtime::Stream stream, const ComplexGemm<Half>& arguments) {
      complex_gemm_mma(stream, arguments, product_tile);
    });
    if (first.empty()) first = y;
    expect_same_bytes(y, first);
  }
}

TEST(ComplexGemm, OfFloatsMultipliesRaggedShapes) {
  for (const Sizes& sizes : kRagged) {
    SCOPED_TRACE(testing::Message() << sizes.frequencies << " × " << sizes.tiles << " × " << sizes.outs << " × "
                                    << sizes.channels);
    const Problem<float> problem(sizes, 6);
    expect_product(problem, problem.run(complex_gemm_fp32), 1e-6);
  }
}

TEST(ComplexGemm, OfFloatsIsTheSameForEveryOrderOfThreads) {
  const Problem<float> problem({2, 65, 70, 33}, 10);
  const std::vector<float> first = problem.run(complex_gemm_fp32);
  dnd_emulator_set_seed(77);
  expect_same_bytes(problem.run(complex_gemm_fp32), first);
}

TEST(ComplexGemm, AgreesWithItsSpecification) {
  const Problem<Half> halves({2, 17, 25, 33}, 7);
  const Problem<float> floats({2, 17, 25, 33}, 8);
  const auto naive = [](runtime::Stream stream, const auto& arguments) { complex_gemm_naive(stream, arguments); };
  expect_product(halves, halves.run(naive), 1e-6);
  expect_product(floats, floats.run(naive), 1e-6);
}

/// Columns first … of the whole product, out of weights and into a product that are parts of larger tensors.
template <typename T, typename Launch>
void expect_part_of_whole(Launch launch) {
  const Sizes sizes = {3, 17, 200, 40};
  constexpr int kFirstTile = 5, kFirstOut = 132, kTiles = 12, kOuts = 68;
  const Problem<T> problem(sizes, 12);
  const std::vector<float> whole = problem.run(launch);

  const TestStream stream;
  const DeviceValues<T> x(stream, problem.x), weight(stream, problem.weight);
  const DeviceValues<float> y(problem.y_elements());
  ComplexGemm<T> arguments = problem.arguments(x.data() + kFirstTile * problem.channel_pitch,
                                               weight.data() + kFirstOut * problem.channel_pitch,
                                               y.data() + kFirstTile * problem.output_pitch + kFirstOut);
  arguments.tiles = kTiles;
  arguments.outs = kOuts;
  launch(stream, arguments);
  const std::vector<float> part = y.read(stream);
  for (int64_t row = 0; row < sizes.frequencies * 2 * sizes.tiles; ++row) {
    for (int64_t o = 0; o < problem.output_pitch; ++o) {
      const int64_t index = row * problem.output_pitch + o;
      const bool inside = row % sizes.tiles >= kFirstTile && o >= kFirstOut && o < kFirstOut + kOuts;
      if (inside) {
        ASSERT_EQ(part[index], whole[index]) << row << ", " << o;
      } else {
        ASSERT_TRUE(std::isnan(part[index])) << row << ", " << o;
      }
    }
  }
}

TEST(ComplexGemm, ComputesAPartOfTheRowsOfLargerTensors) {
  expect_part_of_whole<Half>(
      [](runtime::Stream stream, const ComplexGemm<Half>& arguments) { complex_gemm_mma(stream, arguments, 0); });
  expect_part_of_whole<float>(complex_gemm_fp32);
}

TEST(ComplexGemm, GivesZerosForTilesOfZeros) {
  Problem<Half> problem({1, 18, 30, 40}, 13);
  for (int row : {3, 17}) {
    for (int component : {0, 1}) {
      const auto begin = problem.x.begin() + (component * 18 + row) * problem.channel_pitch;
      std::fill(begin, begin + problem.channel_pitch, Half{0});
    }
  }
  const std::vector<float> y = problem.run(
      [](runtime::Stream stream, const ComplexGemm<Half>& arguments) { complex_gemm_mma(stream, arguments, 0); });
  for (int o = 0; o < 30; ++o) {
    EXPECT_EQ(y[3 * problem.output_pitch + o], 0);
    EXPECT_EQ(y[(18 + 17) * problem.output_pitch + o], 0);
  }
  expect_product(problem, y, 1e-6);
}

TEST(ComplexGemm, RefusesWhatItCannotAddress) {
  const TestStream stream;
  const DeviceValues<Half> x(1024);
  const DeviceValues<float> y(1024);
  const ComplexGemm<Half> good = Problem<Half>({1, 2, 2, 8}, 1).arguments(x.data(), x.data(), y.data());
  const auto refused = [&](auto change, int product_tile = 0) {
    ComplexGemm<Half> bad = good;
    change(bad);
    EXPECT_THROW(complex_gemm_mma(stream, bad, product_tile), Error);
  };
  refused([](auto& bad) { bad.x += 4; });
  refused([](auto& bad) { bad.weight_strides.component += 4; });
  refused([](auto& bad) { bad.y += 1; });
  refused([](auto& bad) { bad.channel_pitch = 12; });
  refused([](auto& bad) { bad.output_pitch = 1; });
  refused([](auto& bad) { bad.tiles = 0; });
  refused([](auto&) {}, kProductTiles);
}

}  // namespace
}  // namespace dnd::cuda
