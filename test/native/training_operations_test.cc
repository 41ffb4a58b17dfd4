#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "counted_control.h"
#include "cpu/layers/layers.h"
#include "cpu/training/operations.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::CountedControl;
using test::random_values;
using test::relative_error;

struct Size {
  int64_t rows, columns;
};

/// Short, odd, longer than a vector, than a block of columns and than a task; few and many rows.
constexpr Size kSizes[] = {{1, 1}, {3, 7}, {5, 33}, {40, 130}, {700, 10}, {3, 4097}, {2, 70'001}, {1100, 65}};

/// Expects the same bytes from 1, 2 and 3 threads; returns them.
std::vector<float> with_any_threads(const std::function<std::vector<float>(ThreadPool&)>& run) {
  ThreadPool alone(1);
  const std::vector<float> expected = run(alone);
  for (int threads : {2, 3}) {
    ThreadPool pool(threads);
    EXPECT_EQ(run(pool), expected) << threads << " threads";
  }
  return expected;
}

TEST(MergePaths, gives_the_mean_of_both_paths_and_their_bias_and_saves_the_tanh) {
  for (const Size size : kSizes) {
    const int64_t count = size.rows * size.columns;
    const std::vector<float> a = random_values(count, 1), bias = random_values(size.columns, 3);
    std::vector<float> before = random_values(count, 2);
    for (float& value : before) value *= 3;
    std::vector<double> merged(count), tangent(count);
    for (int64_t i = 0; i < count; ++i) {
      tangent[i] = std::tanh(static_cast<double>(before[i]));
      merged[i] = (a[i] + tangent[i] + bias[i % size.columns]) / 3;
    }
    std::vector<float> saved;
    const std::vector<float> s = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result(count);
      saved = before;
      merge_paths_keeping(pool, Control(), a.data(), saved.data(), bias.data(), size.rows, size.columns, result.data());
      return result;
    });
    EXPECT_LE(relative_error(s, merged), 3e-7);
    EXPECT_LE(relative_error(saved, tangent), 3e-7);

    ThreadPool pool(2);
    std::vector<float> over = a;
    std::vector<float> p = before;
    merge_paths_keeping(pool, Control(), over.data(), p.data(), bias.data(), size.rows, size.columns, over.data());
    EXPECT_EQ(over, s);
    EXPECT_EQ(p, saved);
  }
}

TEST(SplitPaths, gives_both_paths_their_share_also_in_place) {
  for (const Size size : kSizes) {
    const int64_t count = size.rows * size.columns;
    const std::vector<float> ds = random_values(count, 1), t = random_values(count, 2);
    std::vector<double> da(count), dp(count);
    for (int64_t i = 0; i < count; ++i) {
      da[i] = ds[i] / 3.0;
      dp[i] = da[i] * (1 - static_cast<double>(t[i]) * t[i]);
    }
    std::vector<float> of_p(count);
    const std::vector<float> of_a = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result(count);
      split_paths(pool, Control(), ds.data(), t.data(), count, result.data(), of_p.data());
      return result;
    });
    EXPECT_LE(relative_error(of_a, da), 2e-7);
    EXPECT_LE(relative_error(of_p, dp), 2e-7);

    ThreadPool pool(2);
    std::vector<float> over_ds = ds, over_t = t;
    split_paths(pool, Control(), over_ds.data(), over_t.data(), count, over_ds.data(), over_t.data());
    EXPECT_EQ(over_ds, of_a);
    EXPECT_EQ(over_t, of_p);
  }
}

TEST(SumRows, adds_up_columns_exactly_but_for_one_rounding) {
  for (const Size size : kSizes) {
    const std::vector<float> x = random_values(size.rows * size.columns, 1), before = random_values(size.columns, 2);
    for (bool accumulate : {false, true}) {
      std::vector<float> wanted(size.columns);
      for (int64_t column = 0; column < size.columns; ++column) {
        double sum = accumulate ? before[column] : 0;
        for (int64_t row = 0; row < size.rows; ++row) sum += x[row * size.columns + column];
        wanted[column] = static_cast<float>(sum);
      }
      const std::vector<float> sums = with_any_threads([&](ThreadPool& pool) {
        std::vector<float> result = before;
        sum_rows(pool, Control(), x.data(), size.rows, size.columns, accumulate, result.data());
        return result;
      });
      for (int64_t i = 0; i < size.columns; ++i) EXPECT_FLOAT_EQ(sums[i], wanted[i]) << size.rows << " " << i;
    }
  }
}

TEST(SumTokens, adds_up_each_token_over_the_batch) {
  for (const int64_t batch : {1, 3}) {
    for (const Size size : kSizes) {
      const std::vector<float> x = random_values(batch * size.rows * size.columns, 1),
                               before = random_values(size.rows, 2);
      for (bool accumulate : {false, true}) {
        std::vector<double> wanted(size.rows);
        for (int64_t token = 0; token < size.rows; ++token) {
          if (accumulate) wanted[token] = before[token];
          for (int64_t task = 0; task < batch; ++task) {
            for (int64_t i = 0; i < size.columns; ++i) {
              wanted[token] += x[(task * size.rows + token) * size.columns + i];
            }
          }
        }
        const std::vector<float> sums = with_any_threads([&](ThreadPool& pool) {
          std::vector<float> result = before;
          sum_tokens(pool, Control(), x.data(), batch, size.rows, size.columns, accumulate, result.data());
          return result;
        });
        EXPECT_LE(relative_error(sums, wanted), 1e-7);
      }
    }
  }
}

TEST(SumSquares, is_exact_in_double) {
  for (const int64_t elements : {1, 15, 16'384, 100'001}) {
    const std::vector<float> x = random_values(elements, 3);
    double wanted = 0;
    for (const float value : x) wanted += static_cast<double>(value) * value;
    ThreadPool alone(1), three(3);
    const double sum = sum_squares(alone, Control(), x.data(), elements);
    EXPECT_NEAR(sum, wanted, 1e-12 * wanted);
    EXPECT_EQ(sum_squares(three, Control(), x.data(), elements), sum);
  }
}

struct NormCase {
  std::vector<float> x, mean_rstd, weight, dy, addend, dweight_before, dbias_before;
  Size size;

  explicit NormCase(Size of)
      : x(random_values(of.rows * of.columns, 1)),
        mean_rstd(3 * of.rows),
        weight(random_values(of.columns, 2)),
        dy(random_values(of.rows * of.columns, 3)),
        addend(random_values(of.rows * of.columns, 4)),
        dweight_before(random_values(of.columns, 5)),
        dbias_before(random_values(of.columns, 6)),
        size(of) {
    for (float& value : x) value += 20;  // a mean that is large relative to the deviations
    ThreadPool pool(1);
    cpu::norm_statistics(pool, Control(), x.data(), of.rows, of.columns, 1e-5f, mean_rstd.data());
  }
};

struct NormGradients {
  std::vector<double> dx, dweight, dbias;
};

NormGradients naive(const NormCase& c, bool addend, bool accumulate) {
  const auto [rows, columns] = c.size;
  NormGradients result{std::vector<double>(c.x.size()), std::vector<double>(columns), std::vector<double>(columns)};
  if (accumulate) {
    result.dweight.assign(c.dweight_before.begin(), c.dweight_before.end());
    result.dbias.assign(c.dbias_before.begin(), c.dbias_before.end());
  }
  for (int64_t row = 0; row < rows; ++row) {
    const float* x = c.x.data() + row * columns;
    const float* dy = c.dy.data() + row * columns;
    double mean = 0, variance = 0, g_mean = 0, gn_mean = 0;
    for (int64_t i = 0; i < columns; ++i) mean += x[i] / static_cast<double>(columns);
    for (int64_t i = 0; i < columns; ++i) variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(columns);
    const double scale = 1 / std::sqrt(variance + static_cast<double>(1e-5f));
    const auto n = [&](int64_t i) { return (x[i] - mean) * scale; };
    const auto g = [&](int64_t i) { return static_cast<double>(dy[i]) * c.weight[i]; };
    for (int64_t i = 0; i < columns; ++i) {
      g_mean += g(i) / static_cast<double>(columns);
      gn_mean += g(i) * n(i) / static_cast<double>(columns);
      result.dweight[i] += dy[i] * n(i);
      result.dbias[i] += dy[i];
    }
    for (int64_t i = 0; i < columns; ++i) {
      result.dx[row * columns + i] =
          scale * (g(i) - g_mean - n(i) * gn_mean) + (addend ? c.addend[row * columns + i] : 0);
    }
  }
  return result;
}

TEST(Add, adds_each_element_once) {
  ThreadPool pool(3);
  for (const int64_t elements : {0, 1, 37, 100'003}) {
    const std::vector<float> x = random_values(elements, 1), before = random_values(elements, 2);
    std::vector<float> y = before;
    add(pool, Control(), x.data(), elements, y.data());
    for (int64_t i = 0; i < elements; ++i) ASSERT_EQ(y[i], before[i] + x[i]);
  }
}

TEST(LayerNormGradient, agrees_with_its_definition_in_double) {
  for (const Size size : kSizes) {
    if (size.columns == 1) continue;  // its gradient is 0 up to rounding
    const NormCase c(size);
    for (bool addend : {false, true}) {
      for (bool accumulate : {false, true}) {
        const NormGradients wanted = naive(c, addend, accumulate);
        std::vector<float> dweight, dbias;
        const auto run = [&](ThreadPool& pool) {
          std::vector<float> dx(c.x.size());
          dweight = c.dweight_before, dbias = c.dbias_before;
          layer_norm_gradient(pool, Control(), c.x.data(), c.mean_rstd.data(), c.weight.data(), c.dy.data(),
                              addend ? c.addend.data() : nullptr, size.rows, size.columns, accumulate, dx.data(),
                              dweight.data(), dbias.data());
          dx.insert(dx.end(), dweight.begin(), dweight.end());
          dx.insert(dx.end(), dbias.begin(), dbias.end());
          return dx;
        };
        const std::vector<float> all = with_any_threads(run);
        EXPECT_LE(relative_error(all, wanted.dx), 1e-6) << size.rows << " x " << size.columns;
        EXPECT_LE(relative_error(dweight, wanted.dweight), 1e-6) << size.rows << " x " << size.columns;
        EXPECT_LE(relative_error(dbias, wanted.dbias), 2e-7) << size.rows << " x " << size.columns;
      }
    }
  }
}

TEST(LayerNormGradient, may_write_over_its_operands_and_leave_out_that_of_x) {
  for (const Size size : {Size{5, 33}, {3, 4097}}) {
    const NormCase c(size);
    ThreadPool pool(2);
    const auto run = [&](const float* dy, const float* addend, float* dx) {
      std::vector<float> sums(2 * size.columns);
      layer_norm_gradient(pool, Control(), c.x.data(), c.mean_rstd.data(), c.weight.data(), dy, addend, size.rows,
                          size.columns, false, dx, sums.data(), sums.data() + size.columns);
      return sums;
    };
    std::vector<float> apart(c.x.size()), over_dy = c.dy, over_addend = c.addend;
    const std::vector<float> sums = run(c.dy.data(), c.addend.data(), apart.data());
    EXPECT_EQ(run(over_dy.data(), c.addend.data(), over_dy.data()), sums);
    EXPECT_EQ(over_dy, apart);
    EXPECT_EQ(run(c.dy.data(), over_addend.data(), over_addend.data()), sums);
    EXPECT_EQ(over_addend, apart);
    EXPECT_EQ(run(c.dy.data(), nullptr, nullptr), sums);
  }
}

struct LinearCase {
  int64_t rows, in, out;
};

TEST(LinearGradient, agrees_with_its_definition_in_double) {
  for (const LinearCase c : {LinearCase{1, 1, 1}, {7, 5, 3}, {100, 33, 17}, {800, 20, 35}, {40, 500, 70}}) {
    const std::vector<float> x = random_values(c.rows * c.in, 1), dy = random_values(c.rows * c.out, 2),
                             weight = random_values(c.out * c.in, 3), dweight_before = random_values(c.out * c.in, 4),
                             dbias_before = random_values(c.out, 5);
    std::vector<double> dx(x.size());
    for (int64_t row = 0; row < c.rows; ++row) {
      for (int64_t o = 0; o < c.out; ++o) {
        for (int64_t i = 0; i < c.in; ++i) {
          dx[row * c.in + i] += static_cast<double>(dy[row * c.out + o]) * weight[o * c.in + i];
        }
      }
    }
    for (bool accumulate : {false, true}) {
      std::vector<double> dweight(weight.size()), dbias(c.out);
      if (accumulate) {
        dweight.assign(dweight_before.begin(), dweight_before.end());
        dbias.assign(dbias_before.begin(), dbias_before.end());
      }
      for (int64_t row = 0; row < c.rows; ++row) {
        for (int64_t o = 0; o < c.out; ++o) {
          dbias[o] += dy[row * c.out + o];
          for (int64_t i = 0; i < c.in; ++i) {
            dweight[o * c.in + i] += static_cast<double>(dy[row * c.out + o]) * x[row * c.in + i];
          }
        }
      }
      std::vector<float> of_weight, of_bias;
      const std::vector<float> of_x = with_any_threads([&](ThreadPool& pool) {
        std::vector<float> result(x.size());
        of_weight = dweight_before, of_bias = dbias_before;
        linear_gradient(pool, Control(), x.data(), dy.data(), c.rows, c.in, c.out, weight.data(), accumulate,
                        result.data(), of_weight.data(), of_bias.data());
        return result;
      });
      EXPECT_LE(relative_error(of_x, dx), 1e-6);
      EXPECT_LE(relative_error(of_weight, dweight), 1e-6);
      EXPECT_LE(relative_error(of_bias, dbias), 2e-7);

      ThreadPool pool(2);
      std::vector<float> alone = dweight_before, bias_alone = dbias_before;
      linear_gradient(pool, Control(), x.data(), dy.data(), c.rows, c.in, c.out, weight.data(), accumulate, nullptr,
                      alone.data(), bias_alone.data());
      EXPECT_EQ(alone, of_weight);
      EXPECT_EQ(bias_alone, of_bias);
    }
  }
}

TEST(TrainingOperations, stop_when_they_are_cancelled) {
  CountedControl cancelled;
  cancelled.cancel_after = 0;
  const Control control(&cancelled.control);
  ThreadPool pool(2);
  constexpr int64_t kRows = 4, kColumns = 50, kCount = kRows * kColumns;
  std::vector<float> a(kCount), b(kCount), c(kCount), d(kCount);
  DndTokenSums sums;
  const DndAdamW options = {.learning_rate = 1e-3,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .eps = 1e-8,
                            .weight_decay = 0.1,
                            .gradient_scale = 1,
                            .step = 1};
  std::vector<uint8_t> first(kCount), second(kCount);
  const DndQuantisedMoments moments = {first.data(), second.data(), c.data(), d.data()};
  const std::function<void()> operations[] = {
      [&] { merge_paths_keeping(pool, control, a.data(), b.data(), c.data(), kRows, kColumns, d.data()); },
      [&] { split_paths(pool, control, a.data(), b.data(), kCount, c.data(), d.data()); },
      [&] { sum_rows(pool, control, a.data(), kRows, kColumns, false, b.data()); },
      [&] { sum_tokens(pool, control, a.data(), 1, kRows, kColumns, false, b.data()); },
      [&] { sum_squares(pool, control, a.data(), kCount); },
      [&] {
        layer_norm_gradient(pool, control, a.data(), b.data(), b.data(), a.data(), nullptr, kRows, kColumns, false,
                            nullptr, c.data(), d.data());
      },
      [&] {
        linear_gradient(pool, control, a.data(), b.data(), kRows, kColumns, 2, a.data(), false, nullptr, c.data(),
                        d.data());
      },
      [&] { token_loss(pool, control, a.data(), b.data(), nullptr, 1, kRows, kColumns, 1, c.data(), &sums); },
      [&] { add(pool, control, a.data(), kCount, b.data()); },
      [&] {
        add_noise(pool, control, {1, 2, 0.1f}, kCount, a.data());
      },
      [&] { adamw(pool, control, options, a.data(), kCount, b.data(), c.data(), d.data()); },
      [&] { adamw_quantised(pool, control, options, a.data(), kCount, b.data(), moments); },
  };
  for (const auto& operation : operations) {
    try {
      operation();
      ADD_FAILURE() << "operation " << &operation - operations << " went on";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kAborted);
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
