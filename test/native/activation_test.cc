#include "cpu/isa/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "cpu/isa/kernels.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

double exact_gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

double exact_gelu_tanh(double x) {
  const double inner = std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
  return x / (1.0 + std::exp(-2.0 * inner));
}

std::vector<float> evenly(float low, float high, int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(count);
  return values;
}

std::vector<float> activated(std::vector<float> values, DndActivation activation) {
  std::vector<float> row(values.size());
  const auto count = static_cast<int64_t>(values.size());
  kernels().finish_row(values.data(), kernels().lanes * kMaxTileVectors, row.data(), count, nullptr, activation, nullptr);
  return row;
}

float activated(float value, DndActivation activation) { return activated(std::vector<float>{value}, activation)[0]; }

double worst_relative_error(const std::vector<float>& x, const std::vector<float>& y,
                            const std::function<double(double)>& exact) {
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = exact(x[i]);
    if (expected != 0) worst = std::max(worst, std::fabs(y[i] - expected) / std::fabs(expected));
  }
  return worst;
}

TEST(Activation, gelu_is_relatively_exact_into_its_far_negative_tail) {
  const std::vector<float> x = evenly(-13.0f, 13.0f, 400'003);
  EXPECT_LE(worst_relative_error(x, activated(x, kDndGelu), exact_gelu), 5e-7);
  const std::vector<float> small = evenly(-1e-2f, 1e-2f, 100'001);
  EXPECT_LE(worst_relative_error(small, activated(small, kDndGelu), exact_gelu), 5e-7);
}

TEST(Activation, tanh_gelu_is_exact_to_a_float_of_its_argument) {
  const std::vector<float> x = evenly(-20.0f, 20.0f, 400'003);
  const std::vector<float> y = activated(x, kDndGeluTanh);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_NEAR(y[i], exact_gelu_tanh(x[i]), 2e-7 * std::max(1.0f, std::fabs(x[i]))) << x[i];
  }
  const std::vector<float> right = evenly(-1.0f, 20.0f, 100'001);
  EXPECT_LE(worst_relative_error(right, activated(right, kDndGeluTanh), exact_gelu_tanh), 6e-7);
}

TEST(Activation, infinities_have_their_limits_and_nan_is_preserved) {
  for (const DndActivation activation : {kDndGelu, kDndGeluTanh, kDndRelu}) {
    EXPECT_EQ(activated(kInfinity, activation), kInfinity) << activation;
    EXPECT_EQ(activated(-kInfinity, activation), 0.0f) << activation;
    EXPECT_EQ(activated(-1e30f, activation), 0.0f) << activation;
    EXPECT_EQ(activated(1e30f, activation), 1e30f) << activation;
    EXPECT_EQ(activated(0.0f, activation), 0.0f) << activation;
    EXPECT_TRUE(std::isnan(activated(NAN, activation))) << activation;
  }
}

TEST(Activation, relu_leaves_positive_values_unchanged) {
  EXPECT_EQ(activated({-2.5f, -0.0f, 1e-40f, 3.25f}, kDndRelu), (std::vector<float>{0.0f, 0.0f, 1e-40f, 3.25f}));
}

TEST(Activation, a_value_gives_the_same_bytes_in_every_lane_and_tail) {
  for (const DndActivation activation : {kDndGelu, kDndGeluTanh, kDndRelu}) {
    for (const float value : test::random_values(20, 3)) {
      const std::vector<float> row = activated(std::vector<float>(53, 4 * value), activation);
      for (const float result : row) ASSERT_EQ(result, activated(4 * value, activation));
    }
  }
}

TEST(Activation, bias_comes_before_it_and_the_residual_after) {
  const std::vector<float> x = test::random_values(37, 4), bias = test::random_values(37, 5),
                           residual = test::random_values(37, 6);
  std::vector<float> row(37);
  kernels().finish_row(x.data(), kernels().lanes * kMaxTileVectors, row.data(), 37, bias.data(), kDndGelu,
                       residual.data());
  for (int i = 0; i < 37; ++i) {
    EXPECT_NEAR(row[i], exact_gelu(static_cast<double>(x[i]) + bias[i]) + residual[i], 3e-7) << i;
  }
}

TEST(VectorMath, tanh_is_relatively_exact_and_odd) {
  const std::vector<float> x = evenly(-12.0f, 12.0f, 300'001), zeros(x.size(), 0.0f);
  std::vector<float> thirds(x.size());
  kernels().merge_row(zeros.data(), x.data(), zeros.data(), static_cast<int64_t>(x.size()), thirds.data());
  EXPECT_LE(worst_relative_error(x, thirds, [](double value) { return std::tanh(value) / 3.0; }), 4e-7);
  const float ends[3] = {kInfinity, -kInfinity, NAN}, nothing[3] = {};
  float result[3];
  kernels().merge_row(nothing, ends, nothing, 3, result);
  EXPECT_EQ(result[0], 1.0f / 3.0f);
  EXPECT_EQ(result[1], -1.0f / 3.0f);
  EXPECT_TRUE(std::isnan(result[2]));
}

TEST(VectorMath, softmax_columns_are_exponentials_of_differences_from_the_largest) {
  const int64_t columns = kernels().lanes * kMaxTileVectors;
  for (const int64_t rows : {1, 2, 4, 5, 9, 384}) {
    std::vector<float> scores = test::random_values(rows * columns, 7);
    for (float& score : scores) score *= 60.0f;
    std::vector<float> result = scores, sums(columns);
    kernels().exponentiate_columns(result.data(), rows, sums.data());
    for (int64_t column = 0; column < columns; ++column) {
      float largest = -kInfinity;
      for (int64_t row = 0; row < rows; ++row) largest = std::max(largest, scores[row * columns + column]);
      double sum = 0;
      for (int64_t row = 0; row < rows; ++row) {
        const float difference = scores[row * columns + column] - largest;
        const float value = result[row * columns + column];
        sum += value;
        if (difference < -87.3f) {
          ASSERT_EQ(value, 0.0f);
        } else {
          ASSERT_NEAR(value, std::exp(static_cast<double>(difference)),
                      1.5e-7 * std::exp(static_cast<double>(difference)));
        }
      }
      ASSERT_NEAR(sums[column], sum, 1e-6 * sum);
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
