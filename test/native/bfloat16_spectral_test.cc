#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bfloat16.h"
#include "core/memory.h"
#include "cpu/isa/bfloat16_spectral_kernels.h"
#include "cpu/spectral/spectral_convolution.h"
#include "cpu/spectral/tap_twiddles.h"
#include "plan/convolution_plan.h"
#include "naive_convolution.h"
#include "random_values.h"
#include "spectral_isa.h"

namespace dnd::cpu {
namespace {

using test::convolution_of;
using test::ConvolutionCase;
using test::naive_convolution;
using test::odd_convolutions;
using test::random_values;
using test::relative_error;
using test::rounded;

constexpr float kUntouched = 1234.5f;

class Bfloat16Spectral : public test::Bfloat16Suite {
 protected:
  static const Bfloat16SpectralKernels& bfloat16() { return *find_bfloat16_spectral_kernels(kernels()); }
};

/// Channel d of an array of pairs.
float number_of(const Bfloat16Pair* pairs, int64_t d) {
  const uint32_t pair = pairs[d / 2];
  return std::bit_cast<float>(d % 2 == 0 ? pair << 16 : pair & 0xffff0000u);
}

TEST_F(Bfloat16Spectral, rounds_both_parts_of_a_spectrum_and_their_sum) {
  const int64_t points = 7, lanes = isa().lanes, stride = lanes / 2 + 3;
  const std::vector<float> spectrum = random_values(points * 2 * lanes, 61);
  std::vector<Bfloat16Pair> pairs(3 * points * stride, 0x12345678u);
  bfloat16().round_spectrum(spectrum.data(), points, pairs.data(), stride);
  for (int64_t point = 0; point < points; ++point) {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const float real = spectrum[2 * point * lanes + lane], imaginary = spectrum[(2 * point + 1) * lanes + lane];
      const float wanted[3] = {rounded(real), rounded(imaginary), rounded(real + imaginary)};
      for (int64_t c = 0; c < 3; ++c) {
        EXPECT_EQ(number_of(pairs.data() + (3 * point + c) * stride, lane), wanted[c]) << point << ", " << lane;
      }
    }
    for (int64_t gap = lanes / 2; gap < stride; ++gap) EXPECT_EQ(pairs[(3 * point) * stride + gap], 0x12345678u);
  }
}

/// Every column of every kernel, in slabs of some steps, whose channels are paired within panels of vectors.
TEST_F(Bfloat16Spectral, columns_are_those_in_float32_rounded_and_paired) {
  std::mt19937 random(62);
  const int64_t lanes = isa().lanes;
  for (int64_t half = 0; half < kSpectralHalves; ++half) {
    for (int64_t full : {16, 24, 40}) {
      const bool symmetric = random() % 2 == 0;
      const int64_t depth = 1 + random() % 5, vectors = 1 + random() % 6, steps = full / 4 + 1;
      const int64_t begin = random() % steps, end = begin + 1 + random() % (steps - begin);
      const TwiddleTable twiddles(full, half);
      const std::vector<float> rows = random_values(depth * vectors * (4 * half + 2) * lanes, 63 + half);
      const int64_t kernels = depth * vectors, stride = (kernels + 1) * lanes;
      std::vector<float> plain(3 * 4 * steps * stride, kUntouched);
      isa().columns[half](rows.data(), kernels, twiddles.all(), full, symmetric, begin, end, plain.data(), stride);
      std::vector<Bfloat16Pair> pairs(plain.size(), 0x12345678u);
      bfloat16().columns[half](rows.data(), depth, vectors, twiddles.all(), full, symmetric, begin, end, pairs.data(),
                               stride);
      int64_t differing = 0, numbers = 0;
      for (int64_t component = 0; component * stride < static_cast<int64_t>(plain.size()); ++component) {
        const float* from = plain.data() + component * stride;
        const Bfloat16Pair* to = pairs.data() + component * stride;
        if (from[0] == kUntouched) {
          EXPECT_EQ(to[0], 0x12345678u) << "half " << half << ", component " << component;
          continue;
        }
        for (int64_t panel = 0; panel < vectors; panel += isa().panel_vectors) {
          const int64_t breadth = std::min(isa().panel_vectors, vectors - panel);
          for (int64_t d = 0; d < depth + depth % 2; ++d) {
            for (int64_t l = 0; l < breadth * lanes; ++l) {
              const float found = number_of(to + (d / 2 * breadth * lanes + l), d % 2);
              const float exact = d < depth ? from[d * breadth * lanes + l] : 0;
              // The two were compiled apart, and may differ in the last bit before they are rounded.
              EXPECT_NEAR(found, exact, 0.004 * std::abs(exact) + 1e-6);
              differing += found != rounded(exact);
              ++numbers;
            }
          }
          from += depth * breadth * lanes;
          to += (depth + 1) / 2 * breadth * lanes;
        }
      }
      EXPECT_GT(numbers, 0);
      EXPECT_LE(differing, numbers / 500) << "half " << half << ", " << full << " points";
    }
  }
}

TEST_F(Bfloat16Spectral, multiplies_pairs_with_float32_sums) {
  std::mt19937 random(64);
  const int64_t lanes = isa().lanes;
  for (int64_t rows : {1, 5, 6, 7, 13, 24}) {
    for (int64_t vectors = 1; vectors <= 9; ++vectors) {
      const int64_t pairs = 1 + random() % 33, stride = pairs + 3, width = vectors * lanes;
      const std::vector<float> x = rounded(random_values(rows * 2 * pairs, 65)),
                               w = rounded(random_values(2 * pairs * width, 66)), before = random_values(rows * width, 67);
      std::vector<Bfloat16Pair> x_pairs(rows * stride), w_pairs(pairs * width);
      const auto pair_of = [](float low, float high) {
        return std::bit_cast<uint32_t>(low) >> 16 | (std::bit_cast<uint32_t>(high) & 0xffff0000u);
      };
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t p = 0; p < pairs; ++p) {
          x_pairs[r * stride + p] = pair_of(x[(r * pairs + p) * 2], x[(r * pairs + p) * 2 + 1]);
        }
      }
      int64_t at = 0;
      for (int64_t panel = 0; panel < width; panel += isa().panel_vectors * lanes) {
        const int64_t end = std::min(width, panel + isa().panel_vectors * lanes);
        for (int64_t p = 0; p < pairs; ++p) {
          for (int64_t l = panel; l < end; ++l) w_pairs[at++] = pair_of(w[2 * p * width + l], w[(2 * p + 1) * width + l]);
        }
      }
      for (bool accumulate : {false, true}) {
        std::vector<float> y = before;
        bfloat16().product(rows, pairs, x_pairs.data(), stride, rows % 2 * 48 * stride, w_pairs.data(), vectors,
                           y.data(), width, accumulate);
        std::vector<double> wanted(rows * width);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t l = 0; l < width; ++l) {
            double sum = accumulate ? before[r * width + l] : 0;
            for (int64_t d = 0; d < 2 * pairs; ++d) {
              sum += static_cast<double>(x[r * 2 * pairs + d]) * w[d * width + l];
            }
            wanted[r * width + l] = sum;
          }
        }
        EXPECT_LE(relative_error(y, wanted), 1e-6) << rows << " rows, " << pairs << " pairs, " << vectors << " vectors";
      }
    }
  }
}

ConvolutionPlan planned(const ConvolutionCase& c) {
  return plan_convolution(shape_of(convolution_geometry(convolution_of(c))),
                          {bfloat16_kernels().name, kDndSpectral, int64_t{1} << 28});
}

std::vector<float> convolved(const ConvolutionCase& c, int threads) {
  const Geometry geometry = convolution_geometry(convolution_of(c));
  const ConvolutionPlan plan = planned(c);
  const std::vector<float> x = random_values(c.inputs(), 1), weight = random_values(c.weights(), 2);
  const SpectralLayout layout = spectral_layout(plan.spectral, plan.shape, rates_of(bfloat16_kernels().name), threads);
  ThreadPool pool(threads);
  const Memory workspace(layout.workspace_floats(threads) * sizeof(float));
  std::memset(workspace.data(), 0xff, workspace.bytes());  // all NaN: workspace must not be read before it is written
  std::vector<float> y(c.outputs(), 1e30f);
  convolve_spectral(pool, Control(nullptr), isa(), geometry, WeightOrder::kPlain, kDndStore, plan.spectral, layout,
                    {.x = x.data(), .weight = weight.data(), .y = y.data(), .workspace = workspace.data()},
                    find_bfloat16_spectral_kernels(kernels()));
  return y;
}

TEST_F(Bfloat16Spectral, convolutions_are_as_exact_as_their_operands) {
  for (const ConvolutionCase& c : odd_convolutions()) {
    ASSERT_EQ(planned(c).spectral.channels_of_element, 2);
    const double error = relative_error(
        convolved(c, 2), naive_convolution(c, random_values(c.inputs(), 1), random_values(c.weights(), 2)));
    EXPECT_LE(error, c.outputs() == 1 ? 2e-2 : 1e-2) << c;
    EXPECT_GE(error, 1e-5) << c << ": these are no bfloat16 operands";
  }
}

TEST_F(Bfloat16Spectral, convolutions_give_the_same_bytes_for_any_number_of_threads) {
  for (const ConvolutionCase& c : odd_convolutions()) {
    const std::vector<float> alone = convolved(c, 1);
    for (int threads : {2, 3}) EXPECT_EQ(convolved(c, threads), alone) << c << ", " << threads << " threads";
  }
}

}  // namespace
}  // namespace dnd::cpu
