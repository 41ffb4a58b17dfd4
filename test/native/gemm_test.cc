#include "cpu/gemm/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "counted_control.h"
#include "random_halves.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::CountedControl;
using test::random_values;
using test::relative_error;

struct Size {
  int64_t m, n, k;
};

std::vector<double> naive_product(const Size& size, MatrixView a, MatrixView b) {
  std::vector<double> c(size.m * size.n);
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) {
      double sum = 0;
      for (int64_t d = 0; d < size.k; ++d) {
        sum += static_cast<double>(a.data[i * a.row_stride + d * a.column_stride]) *
               b.data[d * b.row_stride + j * b.column_stride];
      }
      c[i * size.n + j] = sum;
    }
  }
  return c;
}

std::vector<Size> odd_sizes() {
  std::vector<Size> sizes = {{1, 1, 1},     {1, 33, 7},    {13, 1, 300},  {14, 32, 256}, {15, 31, 257},
                             {113, 65, 513}, {3, 200, 1000}, {225, 17, 129}, {29, 1100, 31}, {400, 100, 64}};
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) {
    const auto up_to = [&random](uint32_t most) { return static_cast<int64_t>(1 + random() % most); };
    sizes.push_back({up_to(150), up_to(150), up_to(600)});
  }
  return sizes;
}

TEST(Gemm, agrees_with_a_double_product_whatever_the_size_and_the_transposes) {
  ThreadPool pool(2);
  for (const Size& size : odd_sizes()) {
    const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
    for (int transposes = 0; transposes < 4; ++transposes) {
      const MatrixView left = transposes & 1 ? MatrixView{a.data(), 1, size.m} : MatrixView{a.data(), size.k, 1};
      const MatrixView right = transposes & 2 ? MatrixView{b.data(), 1, size.k} : MatrixView{b.data(), size.n, 1};
      std::vector<float> c(size.m * size.n, NAN);
      gemm(pool, Control(), size.m, size.n, size.k, left, right, c.data(), size.n);
      EXPECT_LE(relative_error(c, naive_product(size, left, right)), 7e-7)
          << size.m << "×" << size.n << "×" << size.k << " transposes " << transposes;
    }
  }
}

TEST(Gemm, of_a_weight_in_half_precision_gives_the_bytes_of_its_values_in_float32) {
  ThreadPool pool(2);
  for (const Size& size : odd_sizes()) {
    const std::vector<float> a = random_values(size.m * size.k, 1);
    for (const FloatType stored : test::kHalfTypes) {
      const test::RandomHalves b(stored, size.k * size.n);
      for (const bool transposed : {false, true}) {
        const auto product = [&](DndWeight weight) {
          std::vector<float> c(size.m * size.n, NAN);
          const WeightView view = transposed ? WeightView{weight, 1, size.k} : WeightView{weight, size.n, 1};
          gemm(pool, Control(), size.m, size.n, size.k, {a.data(), size.k, 1}, view, c.data(), size.n);
          return c;
        };
        const std::vector<float> found = product(b.weight()), wanted = product({b.floats.data()});
        EXPECT_EQ(std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(float)), 0)
            << size.m << "×" << size.n << "×" << size.k << (transposed ? " transposed" : "");
      }
    }
  }
}

TEST(Gemm, writes_nothing_outside_its_rows_and_columns) {
  ThreadPool pool(2);
  const Size size = {17, 37, 300};
  const int64_t stride = 50;
  const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
  std::vector<float> c((size.m + 2) * stride, 7.0f);
  gemm(pool, Control(), size.m, size.n, size.k, {a.data(), size.k, 1}, {b.data(), size.n, 1}, c.data() + stride,
       stride);
  for (int64_t row = 0; row < size.m + 2; ++row) {
    for (int64_t column = 0; column < stride; ++column) {
      const bool inside = row >= 1 && row <= size.m && column < size.n;
      EXPECT_EQ(c[row * stride + column] == 7.0f, !inside) << row << ", " << column;
    }
  }
}

TEST(Gemm, adds_bias_applies_the_activation_then_adds_the_residual) {
  ThreadPool pool(1);
  const Size size = {5, 45, 40};
  const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
  const std::vector<float> bias = random_values(size.n, 3), residual = random_values(size.m * size.n, 4);
  const MatrixView left = {a.data(), size.k, 1}, right = {b.data(), size.n, 1};
  std::vector<double> expected = naive_product(size, left, right);
  for (int64_t i = 0; i < size.m * size.n; ++i) {
    expected[i] = std::max(0.0, expected[i] + bias[i % size.n]) + residual[i];
  }
  std::vector<float> c(size.m * size.n);
  gemm(pool, Control(), size.m, size.n, size.k, left, right, c.data(), size.n,
       {bias.data(), kDndRelu, residual.data(), size.n});
  EXPECT_LE(relative_error(c, expected), 1e-6);
}

TEST(Gemm, of_depth_zero_is_the_epilogue_of_zero) {
  ThreadPool pool(1);
  const std::vector<float> bias = {1, -2, 3};
  std::vector<float> c(6, NAN);
  gemm(pool, Control(), 2, 3, 0, {nullptr, 0, 1}, {nullptr, 3, 1}, c.data(), 3, {bias.data(), kDndRelu, nullptr, 0});
  EXPECT_EQ(c, (std::vector<float>{1, 0, 3, 1, 0, 3}));
}

TEST(Gemm, gives_the_same_bytes_for_any_number_of_threads_and_for_a_row_alone) {
  for (const Size& size : odd_sizes()) {
    const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
    const MatrixView right = {b.data(), size.n, 1};
    const auto product = [&](int threads, int64_t first_row, int64_t rows) {
      ThreadPool pool(threads);
      std::vector<float> c(rows * size.n);
      gemm(pool, Control(), rows, size.n, size.k, {a.data() + first_row * size.k, size.k, 1}, right, c.data(), size.n);
      return c;
    };
    const std::vector<float> expected = product(1, 0, size.m);
    for (int threads : {2, 3}) EXPECT_EQ(product(threads, 0, size.m), expected) << threads << " threads";
    const int64_t last = size.m - 1;
    EXPECT_EQ(product(1, last, 1), std::vector<float>(expected.begin() + last * size.n, expected.end()));
  }
}

TEST(Gemm, stops_when_it_is_cancelled_and_counts_its_multiply_adds) {
  ThreadPool pool(2);
  const int64_t n = 400;
  const std::vector<float> a = random_values(n * n, 1);
  std::vector<float> c(n * n);
  CountedControl counted;
  gemm(pool, Control(&counted.control), n, n, n, {a.data(), n, 1}, {a.data(), n, 1}, c.data(), n);
  EXPECT_EQ(counted.done, static_cast<double>(n) * n * n);

  counted.done = 0;
  counted.asked = 0;
  counted.cancel_after = 15;
  try {
    gemm(pool, Control(&counted.control), n, n, n, {a.data(), n, 1}, {a.data(), n, 1}, c.data(), n);
    FAIL() << "the cancelled product went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAborted);
  }
  EXPECT_LT(counted.done, static_cast<double>(n) * n * n);
}

}  // namespace
}  // namespace dnd::cpu
