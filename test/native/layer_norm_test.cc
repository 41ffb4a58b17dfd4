#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "counted_control.h"
#include "cpu/layers/layers.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

std::vector<double> naive_layer_norm(const std::vector<float>& x, int64_t columns, const std::vector<float>& weight,
                                     const std::vector<float>& bias, double eps) {
  std::vector<double> y(x.size());
  for (size_t row = 0; row * columns < x.size(); ++row) {
    const float* from = x.data() + row * columns;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < columns; ++i) mean += from[i] / static_cast<double>(columns);
    for (int64_t i = 0; i < columns; ++i)
      variance += (from[i] - mean) * (from[i] - mean) / static_cast<double>(columns);
    for (int64_t i = 0; i < columns; ++i) {
      y[row * columns + i] = (from[i] - mean) / std::sqrt(variance + eps) * weight[i] + bias[i];
    }
  }
  return y;
}

std::vector<float> normalised(const std::vector<float>& x, int64_t columns, const std::vector<float>& weight,
                              const std::vector<float>& bias, float eps, int threads) {
  ThreadPool pool(threads);
  std::vector<float> y(x.size());
  layer_norm(pool, Control(), x.data(), static_cast<int64_t>(x.size()) / columns, columns, weight.data(), bias.data(),
             eps, y.data());
  return y;
}

struct Size {
  int64_t rows, columns;
};

TEST(LayerNorm, agrees_with_double_for_short_odd_and_very_long_rows) {
  for (const Size size : {Size{1, 1}, {3, 6}, {17, 17}, {200, 384}, {5, 4096}, {4, 4097}, {3, 60'001}, {2, 147'456}}) {
    const std::vector<float> x = random_values(size.rows * size.columns, 1), weight = random_values(size.columns, 2),
                             bias = random_values(size.columns, 3);
    EXPECT_LE(relative_error(normalised(x, size.columns, weight, bias, 1e-5f, 2),
                             naive_layer_norm(x, size.columns, weight, bias, 1e-5f)),
              3e-7)
        << size.rows << " rows of " << size.columns;
  }
}

TEST(LayerNorm, is_accurate_when_the_mean_is_large_relative_to_the_deviations) {
  std::vector<float> x = random_values(2 * 20'000, 4);
  for (float& value : x) value = 1000.0f + value;
  const std::vector<float> weight(20'000, 1.0f), bias(20'000, 0.0f);
  EXPECT_LE(
      relative_error(normalised(x, 20'000, weight, bias, 1e-12f, 2), naive_layer_norm(x, 20'000, weight, bias, 1e-12f)),
      3e-7);
}

TEST(LayerNorm, of_a_constant_row_is_its_bias) {
  const std::vector<float> x(384, 3.7f), weight(384, 2.0f), bias = random_values(384, 5);
  EXPECT_EQ(normalised(x, 384, weight, bias, 1e-12f, 1), bias);
}

TEST(LayerNorm, gives_the_same_bytes_for_any_number_of_threads) {
  for (const Size size : {Size{129, 384}, {3, 50'000}}) {
    const std::vector<float> x = random_values(size.rows * size.columns, 6), weight = random_values(size.columns, 7),
                             bias = random_values(size.columns, 8);
    const std::vector<float> one = normalised(x, size.columns, weight, bias, 1e-5f, 1);
    for (const int threads : {2, 3, 7})
      EXPECT_EQ(normalised(x, size.columns, weight, bias, 1e-5f, threads), one) << threads;
  }
}

TEST(LayerNorm, of_a_row_does_not_depend_on_the_other_rows) {
  const int64_t columns = 9000;
  const std::vector<float> x = random_values(5 * columns, 9), weight = random_values(columns, 10),
                           bias = random_values(columns, 11);
  const std::vector<float> all = normalised(x, columns, weight, bias, 1e-5f, 2);
  const std::vector<float> third(x.begin() + 2 * columns, x.begin() + 3 * columns);
  EXPECT_EQ(normalised(third, columns, weight, bias, 1e-5f, 2),
            std::vector<float>(all.begin() + 2 * columns, all.begin() + 3 * columns));
}

TEST(LayerNorm, may_write_over_its_input) {
  for (const Size size : {Size{40, 33}, {3, 10'000}}) {
    std::vector<float> x = random_values(size.rows * size.columns, 12);
    const std::vector<float> weight = random_values(size.columns, 13), bias = random_values(size.columns, 14);
    const std::vector<float> apart = normalised(x, size.columns, weight, bias, 1e-5f, 2);
    ThreadPool pool(2);
    layer_norm(pool, Control(), x.data(), size.rows, size.columns, weight.data(), bias.data(), 1e-5f, x.data());
    EXPECT_EQ(x, apart);
  }
}

TEST(LayerNorm, stops_when_it_is_cancelled) {
  test::CountedControl cancelled;
  cancelled.cancel_after = 0;
  for (const Size size : {Size{4, 10}, {2, 10'000}}) {
    std::vector<float> x = random_values(size.rows * size.columns, 15), weight(size.columns), bias(size.columns);
    ThreadPool pool(2);
    try {
      layer_norm(pool, Control(&cancelled.control), x.data(), size.rows, size.columns, weight.data(), bias.data(),
                 1e-5f, x.data());
      FAIL() << "it went on";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kAborted);
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
