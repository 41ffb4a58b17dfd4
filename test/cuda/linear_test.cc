#include "cuda/kernels/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "core/status.h"
#include "cuda/kernels/half_scale.h"
#include "test/cuda/device_values.h"
#include "test/cuda/emulator/control.h"
#include "test/native/random_values.h"

namespace dnd::cuda {
namespace {

using dnd::test::random_values;
using test::DeviceValues;
using test::TestStream;

struct Sizes {
  int64_t rows;
  int in, out;
};
/// Rows that are and are not multiples of 16 bytes, few enough for the small blocks; then many enough for the large
/// ones.
constexpr Sizes kRagged[] = {{1, 1, 1},     {9, 7, 7},    {17, 8, 25},   {1, 25, 129},    {130, 33, 25},
                             {9, 129, 200}, {130, 7, 63}, {33, 100, 64}, {130, 37, 6497}, {70, 44, 13004}};

std::vector<float> rounded_to_halves(std::vector<float> values) {
  for (float& value : values) value = to_float(to_half(value));
  return values;
}

/// How a layer is computed: an upload of its weight in the form that is read, and the launch.
using Computation = std::function<void(runtime::Stream, const LinearLayer&, const float* weight)>;

void run_mma(runtime::Stream stream, const LinearLayer& layer, const float* weight) {
  const DeviceValues<uint8_t> packed(half_weight_bytes(layer.out, layer.in));
  make_half_weight(stream, weight, layer.out, layer.in, packed.data());
  linear_mma(stream, layer, half_weight(packed.data(), layer.out, layer.in));
  runtime::synchronise(stream);
}

struct Problem {
  Problem(const Sizes& of, uint32_t seed)
      : sizes(of),
        x(rounded_to_halves(random_values(of.rows * of.in, seed))),
        weight(rounded_to_halves(random_values(int64_t{of.out} * of.in, seed + 1))) {}

  std::vector<float> run(const Computation& launch) const {
    const TestStream stream;
    const DeviceValues<float> x_device(stream, x), weight_device(stream, weight);
    const DeviceValues<float> bias_device(stream, bias.empty() ? std::vector<float>{0} : bias);
    const DeviceValues<float> residual_device(stream, residual.empty() ? std::vector<float>{0} : residual);
    const DeviceValues<float> y_device(static_cast<size_t>(sizes.rows * sizes.out));
    launch(stream,
           {.x = x_device.data(),
            .rows = sizes.rows,
            .in = sizes.in,
            .out = sizes.out,
            .bias = bias.empty() ? nullptr : bias_device.data(),
            .activation = activation,
            .residual = residual.empty() ? nullptr : residual_device.data(),
            .y = y_device.data()},
           weight_device.data());
    return y_device.read(stream);
  }

  Sizes sizes;
  std::vector<float> x, weight, bias, residual;
  DndActivation activation = kDndNoActivation;
};

double activated(DndActivation activation, double x) {
  switch (activation) {
    case kDndGelu: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case kDndGeluTanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case kDndRelu: return std::max(x, 0.0);
    default: return x;
  }
}

/// Within `rounding`·Σ|x||w|, and what float arithmetic adds: (in + 4) roundings of sums, and two of results up to
/// 1.13 times as steep as the activation is; activations have 5e-7 of max(|x|, 1) besides.
void expect_linear(const Problem& problem, const std::vector<float>& y, double rounding = 0) {
  const auto [rows, in, out] = problem.sizes;
  for (int64_t r = 0; r < rows; ++r) {
    for (int o = 0; o < out; ++o) {
      double sum = 0, magnitude = 0;
      for (int i = 0; i < in; ++i) {
        const double product = double{problem.x[r * in + i]} * double{problem.weight[int64_t{o} * in + i]};
        sum += product;
        magnitude += std::abs(product);
      }
      if (!problem.bias.empty()) sum += problem.bias[o], magnitude += std::abs(problem.bias[o]);
      double result = activated(problem.activation, sum);
      double bound = 1.13 * (rounding + (in + 4) * 0x1p-24) * magnitude;
      if (problem.activation != kDndNoActivation) bound += 5e-7 * std::max(std::abs(sum), 1.0);
      if (!problem.residual.empty()) {
        const double residual = problem.residual[r * out + o];
        result += residual;
        bound += 0x1p-23 * (std::abs(residual) + std::abs(result));
      }
      ASSERT_LE(std::abs(y[r * out + o] - result), bound) << "row " << r << ", output " << o << ": " << result;
    }
  }
}

void expect_same_bytes(const float* a, const float* b, size_t elements) {
  EXPECT_EQ(std::memcmp(a, b, elements * sizeof(float)), 0);
}

class Linear : public testing::TestWithParam<std::pair<const char*, Computation>> {
 protected:
  const Computation& launch() const { return GetParam().second; }
};

TEST_P(Linear, MultipliesRaggedShapes) {
  for (const Sizes& sizes : kRagged) {
    SCOPED_TRACE(testing::Message() << sizes.rows << " × " << sizes.in << " × " << sizes.out);
    const Problem problem(sizes, 5);
    expect_linear(problem, problem.run(launch()));
  }
}

TEST_P(Linear, AddsActivatesAndAdds) {
  for (const Sizes& sizes : {Sizes{19, 20, 36}, Sizes{19, 20, 35}}) {
    for (const DndActivation activation : {kDndNoActivation, kDndGelu, kDndGeluTanh, kDndRelu}) {
      for (const bool with_bias : {false, true}) {
        for (const bool with_residual : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << sizes.out << ", " << activation << ", " << with_bias << ", " << with_residual);
          Problem problem(sizes, 7);
          problem.activation = activation;
          if (with_bias) problem.bias = random_values(sizes.out, 8);
          if (with_residual) problem.residual = random_values(sizes.rows * sizes.out, 9);
          expect_linear(problem, problem.run(launch()));
        }
      }
    }
  }
}

TEST_P(Linear, ActivatesSumsOfEverySize) {
  Problem problem({200, 1, 1}, 1);
  problem.weight = {1};
  for (int i = 0; i < 200; ++i) problem.x[i] = static_cast<float>(i - 100) / 4;
  problem.x[0] = -60000, problem.x[199] = 60000;
  for (const DndActivation activation : {kDndGelu, kDndGeluTanh, kDndRelu}) {
    problem.activation = activation;
    expect_linear(problem, problem.run(launch()));
  }
}

TEST_P(Linear, ActivatesInfinitiesAndNaN) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Problem problem({3, 1, 1}, 1);
  problem.weight = {1};
  problem.x = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()};
  for (const DndActivation activation : {kDndGelu, kDndGeluTanh, kDndRelu}) {
    problem.activation = activation;
    const std::vector<float> y = problem.run(launch());
    EXPECT_EQ(y[0], kInfinity);
    EXPECT_NEAR(y[1], 0, 1e-20);
    EXPECT_TRUE(std::isnan(y[2]));
  }
}

TEST_P(Linear, MayReadTheResidualWhereItWrites) {
  Problem problem({35, 16, 24}, 11);
  problem.residual = random_values(35 * 24, 12);
  const TestStream stream;
  const DeviceValues<float> x(stream, problem.x), weight(stream, problem.weight), y(stream, problem.residual);
  launch()(stream,
           {.x = x.data(),
            .rows = 35,
            .in = 16,
            .out = 24,
            .bias = nullptr,
            .activation = kDndNoActivation,
            .residual = y.data(),
            .y = y.data()},
           weight.data());
  expect_linear(problem, y.read(stream));
}

TEST_P(Linear, ReadsAndWritesAtAnyFloat) {
  const Problem problem({20, 16, 24}, 13);
  const TestStream stream;
  std::vector<float> shifted = problem.x;
  shifted.insert(shifted.begin(), 1e30f);
  const DeviceValues<float> x(stream, shifted), weight(stream, problem.weight), y(20 * 24 + 1);
  launch()(stream,
           {.x = x.data() + 1,
            .rows = 20,
            .in = 16,
            .out = 24,
            .bias = nullptr,
            .activation = kDndNoActivation,
            .residual = nullptr,
            .y = y.data() + 1},
           weight.data());
  std::vector<float> result = y.read(stream);
  EXPECT_TRUE(std::isnan(result[0])) << "written before y";
  result.erase(result.begin());
  expect_linear(problem, result);
}

TEST_P(Linear, GivesARowTheSameBytesInEveryBlock) {
  Problem many({130, 40, 6420}, 14), few({9, 40, 6420}, 14);
  many.x[3 * 40] = 1e7f;
  std::copy_n(many.x.begin(), few.x.size(), few.x.begin());
  few.weight = many.weight;
  const std::vector<float> large = many.run(launch());
  dnd_emulator_set_seed(99);
  const std::vector<float> again = many.run(launch()), small = few.run(launch());
  expect_same_bytes(again.data(), large.data(), large.size());
  expect_same_bytes(small.data(), large.data(), small.size());
}

INSTANTIATE_TEST_SUITE_P(Way, Linear,
                         testing::Values(std::make_pair("Mma", Computation(run_mma)),
                                         std::make_pair("Fp32", Computation(linear_fp32)),
                                         std::make_pair("Naive", Computation(linear_naive))),
                         [](const auto& info) { return std::string(info.param.first); });

/// Sizes of a row of x or of the weight, in all of which a half would be infinite, zero, or short of bits.
constexpr float kMagnitudes[] = {1, 65504, 3e5f, 1e20f, 3e36f, 1e-3f, 1e-5f, 1e-9f, 1e-28f};

TEST(LinearMma, KeepsThePrecisionOfHalvesWhateverARowsSize) {
  Problem problem({45, 50, 30}, 15);
  problem.x = random_values(45 * 50, 16);
  for (int64_t i = 0; i < 45 * 50; ++i) problem.x[i] *= kMagnitudes[i / 50 % std::size(kMagnitudes)];
  // The weight is exact: x alone is rounded, by 2⁻¹¹ of each number.
  expect_linear(problem, problem.run(run_mma), 0x1p-11);
}

TEST(LinearMma, KeepsThePrecisionOfHalvesWhateverAnOutputsSize) {
  Problem problem({20, 50, 27}, 17);
  problem.weight = random_values(27 * 50, 18);
  for (int64_t i = 0; i < 27 * 50; ++i) problem.weight[i] *= kMagnitudes[i / 50 % std::size(kMagnitudes)];
  expect_linear(problem, problem.run(run_mma), 0x1p-11);
}

TEST(LinearMma, IsCloserThanItsBoundsOnAverage) {
  Problem problem({64, 384, 96}, 19);
  problem.x = random_values(64 * 384, 20);
  problem.weight = random_values(96 * 384, 21);
  const std::vector<float> exact = problem.run(linear_naive), y = problem.run(run_mma);
  EXPECT_LE(dnd::test::relative_error(y, exact), 4e-4);
  EXPECT_GE(dnd::test::relative_error(y, exact), 1e-5) << "not computed with halves";
}

/// One large number beside many that are small: these must not vanish.
TEST(LinearMma, KeepsSmallNumbersBesideAnOutlier) {
  Problem problem({16, 64, 8}, 22);
  problem.x = random_values(16 * 64, 23);
  for (int r = 0; r < 16; ++r) problem.x[r * 64 + 5] = 1e6f;
  for (int o = 0; o < 8; ++o) problem.weight[o * 64 + 5] = 0;
  expect_linear(problem, problem.run(run_mma), 0x1p-11);
}

TEST(LinearMma, GivesZerosForZeros) {
  Problem problem({20, 33, 10}, 24);
  std::fill_n(problem.x.begin() + 4 * 33, 33, 0.0f);
  std::fill_n(problem.weight.begin() + 2 * 33, 33, 0.0f);
  const std::vector<float> y = problem.run(run_mma);
  for (int o = 0; o < 10; ++o) EXPECT_EQ(y[4 * 10 + o], 0);
  for (int r = 0; r < 20; ++r) EXPECT_EQ(y[r * 10 + 2], 0);
}

TEST(LinearMma, LetsInfinitiesAndNaNThroughInTheirRowsAlone) {
  Problem problem({20, 40, 12}, 25);
  const std::vector<float> finite = problem.run(run_mma);
  problem.x[3 * 40 + 7] = std::numeric_limits<float>::infinity();
  problem.x[8 * 40 + 39] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> y = problem.run(run_mma), expected = problem.run(linear_naive);
  for (int r = 0; r < 20; ++r) {
    for (int o = 0; o < 12; ++o) {
      if (r == 3) {
        EXPECT_EQ(y[r * 12 + o], expected[r * 12 + o]);
      } else if (r == 8) {
        EXPECT_TRUE(std::isnan(y[r * 12 + o]));
      } else {
        EXPECT_EQ(y[r * 12 + o], finite[r * 12 + o]);
      }
    }
  }
}

TEST(HalfScales, TakeEveryMagnitudeToTheEndOfTheHalvesRange) {
  for (int exponent = -100; exponent < 128; ++exponent) {
    for (const float fraction : {1.0f, 1.5f, 0x1.fffffep0f}) {
      const float largest = std::ldexp(fraction, exponent), scale = half_scale(largest);
      EXPECT_GE(largest * scale, 0x1p14f);
      EXPECT_LT(largest * scale, 0x1p15f);
      EXPECT_EQ(scale * inverse_power_of_two(scale), 1);
    }
  }
  for (const float other : {0.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(half_scale(other), 1);
  }
  EXPECT_EQ(half_scale(1e-40f), half_scale(0x1p-100f)) << "whose inverse is still a normal float";
}

TEST(HalfWeights, FillTheirPitchWithZeros) {
  const TestStream stream;
  const std::vector<float> weight = random_values(3 * 11, 26);
  const DeviceValues<float> device(stream, weight);
  const DeviceValues<uint8_t> packed(half_weight_bytes(3, 11));
  make_half_weight(stream, device.data(), 3, 11, packed.data());
  const std::vector<uint8_t> bytes = packed.read(stream);
  const HalfWeight host = half_weight(bytes.data(), 3, 11);
  for (int o = 0; o < 3; ++o) {
    float largest = 0;
    for (int i = 0; i < 16; ++i) {
      const float value = to_float(host.values[o * 16 + i]);
      largest = std::max(largest, std::abs(value));
      if (i < 11) {
        EXPECT_NEAR(value * host.unscale[o], weight[o * 11 + i], 0x1p-11 * std::abs(weight[o * 11 + i]));
      } else {
        EXPECT_EQ(value, 0);
      }
    }
    EXPECT_GE(largest, 0x1p14f);
    EXPECT_LE(largest, 0x1p15f);
  }
}

TEST(LinearLayers, AreNotEmpty) {
  const TestStream stream;
  for (const LinearLayer& layer : {LinearLayer{.rows = 0, .in = 1, .out = 1}, LinearLayer{.rows = 1, .in = 0, .out = 1},
                                   LinearLayer{.rows = 1, .in = 1, .out = 0}}) {
    EXPECT_THROW(linear_mma(stream, layer, {}), Error);
    EXPECT_THROW(linear_fp32(stream, layer, nullptr), Error);
  }
}

}  // namespace
}  // namespace dnd::cuda
