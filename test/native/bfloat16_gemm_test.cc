#include "cpu/gemm/bfloat16_gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "bfloat16.h"
#include "core/status.h"
#include "counted_control.h"
#include "cpu/isa/select.h"
#include "cpu/resident_weights.h"
#include "random_halves.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::CountedControl;
using test::random_values;
using test::relative_error;
using test::rounded;

class Bfloat16Gemm : public test::Bfloat16Suite {};

struct Size {
  int64_t m, n, k;
};

std::vector<Size> odd_sizes() {
  std::vector<Size> sizes = {{1, 1, 1},      {1, 33, 7},    {13, 1, 300},  {14, 32, 256}, {15, 31, 257},
                             {113, 65, 769}, {3, 200, 999}, {225, 17, 129}, {29, 1100, 31}, {400, 100, 64}};
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) {
    const auto up_to = [&random](uint32_t most) { return static_cast<int64_t>(1 + random() % most); };
    sizes.push_back({up_to(150), up_to(150), up_to(600)});
  }
  return sizes;
}

/// Of a [m, k] and b, by [n, k] where it is transposed, else [k, n].
std::vector<double> naive_product(const Size& size, const std::vector<float>& a, const std::vector<float>& b,
                                  bool transposed) {
  std::vector<double> c(size.m * size.n);
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) {
      double sum = 0;
      for (int64_t d = 0; d < size.k; ++d) {
        sum += static_cast<double>(a[i * size.k + d]) * b[transposed ? j * size.k + d : d * size.n + j];
      }
      c[i * size.n + j] = sum;
    }
  }
  return c;
}

Bfloat16Matrix packed(ThreadPool& pool, const Size& size, const std::vector<float>& b, bool transposed) {
  return Bfloat16Matrix(pool, size.k, size.n,
                        transposed ? WeightView{{b.data()}, 1, size.k} : WeightView{{b.data()}, size.n, 1});
}

TEST_F(Bfloat16Gemm, agrees_with_a_double_product_of_rounded_operands_whatever_the_size) {
  ThreadPool pool(2);
  for (const Size& size : odd_sizes()) {
    const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
    for (const bool transposed : {false, true}) {
      std::vector<float> c(size.m * size.n, NAN);
      gemm(pool, Control(), size.m, a.data(), size.k, packed(pool, size, b, transposed).all(), c.data(), size.n);
      EXPECT_LE(relative_error(c, naive_product(size, rounded(a), rounded(b), transposed)), 1e-6)
          << size.m << "×" << size.n << "×" << size.k << (transposed ? " transposed" : "");
    }
  }
}

TEST_F(Bfloat16Gemm, of_a_weight_in_half_precision_gives_the_bytes_of_its_values_in_float32) {
  ThreadPool pool(2);
  for (const Size& size : odd_sizes()) {
    const std::vector<float> a = random_values(size.m * size.k, 1);
    for (const FloatType stored : test::kHalfTypes) {
      const test::RandomHalves b(stored, size.k * size.n);
      for (const bool transposed : {false, true}) {
        const auto product = [&](DndWeight weight) {
          const WeightView view = transposed ? WeightView{weight, 1, size.k} : WeightView{weight, size.n, 1};
          std::vector<float> c(size.m * size.n, NAN);
          gemm(pool, Control(), size.m, a.data(), size.k, Bfloat16Matrix(pool, size.k, size.n, view).all(), c.data(),
               size.n);
          return c;
        };
        const std::vector<float> found = product(b.weight()), wanted = product({b.floats.data()});
        EXPECT_EQ(std::memcmp(found.data(), wanted.data(), wanted.size() * sizeof(float)), 0)
            << size.m << "×" << size.n << "×" << size.k << (transposed ? " transposed" : "");
      }
    }
  }
}

/// Halfway between 1 and 1 + 2⁻⁷ is rounded to 1, halfway to 1 + 2⁻⁶ up; large numbers to infinity.
TEST_F(Bfloat16Gemm, rounds_to_nearest_even) {
  ThreadPool pool(1);
  const float unit = 0x1p-7f, infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values = {1 + unit / 2, 1 + unit * 3 / 2, -1 - unit / 2, 3.4e38f, 1 + unit * 0.51f, 0, -infinity};
  const std::vector<float> expected = {1, 1 + 2 * unit, -1, infinity, 1 + unit, 0, -infinity};
  const std::vector<float> one = {1};
  const int64_t count = static_cast<int64_t>(values.size());
  std::vector<float> c(values.size());
  gemm(pool, Control(), count, values.data(), 1, packed(pool, {count, 1, 1}, one, false).all(), c.data(), 1);
  EXPECT_EQ(c, expected);
  gemm(pool, Control(), 1, one.data(), 1, packed(pool, {1, count, 1}, values, false).all(), c.data(), count);
  EXPECT_EQ(c, expected);
}

TEST_F(Bfloat16Gemm, writes_nothing_outside_its_rows_and_columns) {
  ThreadPool pool(2);
  const Size size = {17, 37, 301};
  const int64_t stride = 50;
  const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
  std::vector<float> c((size.m + 2) * stride, 7.0f);
  gemm(pool, Control(), size.m, a.data(), size.k, packed(pool, size, b, false).all(), c.data() + stride, stride);
  for (int64_t row = 0; row < size.m + 2; ++row) {
    for (int64_t column = 0; column < stride; ++column) {
      const bool inside = row >= 1 && row <= size.m && column < size.n;
      EXPECT_EQ(c[row * stride + column] == 7.0f, !inside) << row << ", " << column;
    }
  }
}

TEST_F(Bfloat16Gemm, adds_bias_applies_the_activation_then_adds_the_residual) {
  ThreadPool pool(1);
  const Size size = {5, 45, 40};
  const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
  const std::vector<float> bias = random_values(size.n, 3), residual = random_values(size.m * size.n, 4);
  std::vector<double> expected = naive_product(size, rounded(a), rounded(b), false);
  for (int64_t i = 0; i < size.m * size.n; ++i) {
    expected[i] = std::max(0.0, expected[i] + bias[i % size.n]) + residual[i];
  }
  std::vector<float> c(size.m * size.n);
  gemm(pool, Control(), size.m, a.data(), size.k, packed(pool, size, b, false).all(), c.data(), size.n,
       {bias.data(), kDndRelu, residual.data(), size.n});
  EXPECT_LE(relative_error(c, expected), 1e-6);
}

TEST_F(Bfloat16Gemm, gives_the_same_bytes_for_any_number_of_threads_and_for_a_row_alone) {
  for (const Size& size : odd_sizes()) {
    const std::vector<float> a = random_values(size.m * size.k, 1), b = random_values(size.k * size.n, 2);
    const auto product = [&](int threads, int64_t first_row, int64_t rows) {
      ThreadPool pool(threads);
      std::vector<float> c(rows * size.n);
      gemm(pool, Control(), rows, a.data() + first_row * size.k, size.k, packed(pool, size, b, true).all(), c.data(), size.n);
      return c;
    };
    const std::vector<float> expected = product(1, 0, size.m);
    for (int threads : {2, 3}) EXPECT_EQ(product(threads, 0, size.m), expected) << threads << " threads";
    const int64_t last = size.m - 1;
    EXPECT_EQ(product(1, last, 1), std::vector<float>(expected.begin() + last * size.n, expected.end()));
  }
}

TEST_F(Bfloat16Gemm, of_some_columns_gives_their_bytes_if_they_begin_with_a_panel) {
  ThreadPool pool(2);
  const int64_t m = 9, n = 100, k = 77, width = kernels().lanes * kMaxTileVectors;
  const std::vector<float> a = random_values(m * k, 1), b = random_values(k * n, 2);
  const Bfloat16Matrix matrix = packed(pool, {m, n, k}, b, false);
  std::vector<float> whole(m * n);
  gemm(pool, Control(), m, a.data(), k, matrix.all(), whole.data(), n);
  EXPECT_FALSE(matrix.part(1, 5).has_value());
  for (int64_t first = 0; first < n; first += width) {
    const int64_t count = std::min<int64_t>(n - first, 41);
    std::vector<float> c(m * count);
    gemm(pool, Control(), m, a.data(), k, *matrix.part(first, count), c.data(), count);
    for (int64_t i = 0; i < m * count; ++i) EXPECT_EQ(c[i], whole[i / count * n + first + i % count]);
  }
}

/// Of 64 rows each: what lies between or behind them, and rows that do not begin with a panel, are in float32 only.
TEST_F(Bfloat16Gemm, of_resident_weights_are_found_by_the_address_of_any_rows) {
  ThreadPool pool(1);
  const int64_t in = 5, out = 64;
  const std::vector<float> values = random_values(3 * out * in, 3);
  ResidentWeights weights;
  EXPECT_FALSE(weights.find({values.data()}, out, in).has_value());
  EXPECT_GT(weights.add(pool, {values.data()}, out, in), 0);
  EXPECT_EQ(weights.add(pool, {values.data()}, out, in), 0);
  weights.add(pool, {values.data() + 2 * out * in}, out, in);
  EXPECT_EQ(weights.find({values.data()}, out, in)->columns, out);
  EXPECT_EQ(weights.find({values.data() + 32 * in}, 20, in)->columns, 20);
  EXPECT_EQ(weights.find({values.data() + 32 * in}, 20, in)->panels, weights.find({values.data()}, out, in)->panels + 32 * 3);
  EXPECT_TRUE(weights.find({values.data() + 2 * out * in}, out, in).has_value());
  for (const int64_t offset : {int64_t{1}, in, out * in, out * in + 32 * in}) {
    EXPECT_FALSE(weights.find({values.data() + offset}, 20, in).has_value()) << offset;
  }
  EXPECT_FALSE(weights.find({values.data() + 32 * in}, 33, in).has_value());
  EXPECT_FALSE(weights.find({values.data()}, out / 5, in * 5).has_value());
  EXPECT_GT(weights.clear(), 0);
  EXPECT_FALSE(weights.find({values.data()}, out, in).has_value());
}

TEST_F(Bfloat16Gemm, stops_when_it_is_cancelled_and_counts_its_multiply_adds) {
  ThreadPool pool(2);
  const int64_t n = 400;
  const std::vector<float> a = random_values(n * n, 1);
  const Bfloat16Matrix b = packed(pool, {n, n, n}, a, false);
  std::vector<float> c(n * n);
  CountedControl counted;
  gemm(pool, Control(&counted.control), n, a.data(), n, b.all(), c.data(), n);
  EXPECT_EQ(counted.done, static_cast<double>(n) * n * n);

  counted.done = 0;
  counted.asked = 0;
  counted.cancel_after = 2;
  try {
    gemm(pool, Control(&counted.control), n, a.data(), n, b.all(), c.data(), n);
    FAIL() << "the cancelled product went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kAborted);
  }
  EXPECT_LT(counted.done, static_cast<double>(n) * n * n);
}

TEST(Bfloat16Kernels, of_another_instruction_set_are_refused_by_name) {
  for (const Kernels* kernels : available_kernels()) {
    if (std::string(kernels->name) == "avx512") continue;
    EXPECT_EQ(find_bfloat16_kernels(*kernels), nullptr);
    try {
      bfloat16_kernels(*kernels);
      FAIL() << "there are kernels beside " << kernels->name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
      for (const std::string& part : {std::string("avx512bf16"), std::string("is ") + kernels->name, std::string("fp32")}) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
