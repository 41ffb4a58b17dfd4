#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "counted_control.h"
#include "cpu/language/operations.h"
#include "cpu/layers/layers.h"
#include "naive_language.h"
#include "random_halves.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

struct Size {
  int64_t rows, columns;
};
constexpr Size kSizes[] = {{1, 1}, {3, 7}, {5, 33}, {40, 130}, {700, 10}, {3, 4097}, {90, 576}};

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

TEST(EmbedTokens, copies_the_rows_of_the_ids_and_adds_up_their_gradients) {
  const int64_t columns = 130, vocabulary = 5;
  const std::vector<int32_t> ids = {4, 0, 4, 2};
  const std::vector<float> table = random_values(vocabulary * columns, 1), dy = random_values(4 * columns, 2);
  const std::vector<float> y = with_any_threads([&](ThreadPool& pool) {
    std::vector<float> result(4 * columns, NAN);
    embed_tokens(pool, Control(), ids.data(), 4, {table.data()}, columns, result.data());
    return result;
  });
  for (size_t row = 0; row < ids.size(); ++row) {
    for (int64_t i = 0; i < columns; ++i) EXPECT_EQ(y[row * columns + i], table[ids[row] * columns + i]);
  }
  for (const bool accumulate : {false, true}) {
    const std::vector<float> gradient = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result(vocabulary * columns, 2.0f);
      embed_tokens_gradient(pool, Control(), ids.data(), dy.data(), 4, vocabulary, columns, accumulate, result.data());
      return result;
    });
    const float before = accumulate ? 2.0f : 0.0f;
    for (int64_t i = 0; i < columns; ++i) {
      EXPECT_EQ(gradient[columns + i], before);
      EXPECT_EQ(gradient[2 * columns + i], before + dy[3 * columns + i]);
      EXPECT_EQ(gradient[4 * columns + i], before + dy[i] + dy[2 * columns + i]);
    }
  }
}

TEST(GatherRows, takes_rows_and_scatter_puts_them_back_among_zeros) {
  const int64_t columns = 33;
  const std::vector<int32_t> index = {5, 1, 2};
  const std::vector<float> x = random_values(6 * columns, 3);
  ThreadPool pool(2);
  std::vector<float> gathered(3 * columns), spread(6 * columns, 7.0f), kept(6 * columns, 7.0f);
  gather_rows(pool, Control(), x.data(), index.data(), 3, columns, gathered.data());
  scatter_rows(pool, Control(), gathered.data(), index.data(), 3, columns, 6, spread.data());
  scatter_rows(pool, Control(), gathered.data(), index.data(), 3, columns, 0, kept.data());
  for (int64_t row = 0; row < 6; ++row) {
    const bool taken = row == 5 || row == 1 || row == 2;
    for (int64_t i = 0; i < columns; ++i) {
      EXPECT_EQ(spread[row * columns + i], taken ? x[row * columns + i] : 0.0f);
      EXPECT_EQ(kept[row * columns + i], taken ? x[row * columns + i] : 7.0f);
    }
  }
}

TEST(RmsNorm, agrees_with_double) {
  for (const Size size : kSizes) {
    const int64_t count = size.rows * size.columns;
    const std::vector<float> x = random_values(count, 4), weight = random_values(size.columns, 5);
    std::vector<double> expected(count);
    for (int64_t row = 0; row < size.rows; ++row) {
      double squares = 0;
      for (int64_t i = 0; i < size.columns; ++i) squares += std::pow(static_cast<double>(x[row * size.columns + i]), 2);
      for (int64_t i = 0; i < size.columns; ++i) {
        expected[row * size.columns + i] = x[row * size.columns + i] * weight[i] / std::sqrt(squares / size.columns + 1e-5);
      }
    }
    const std::vector<float> y = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result = x;  // in place
      rms_norm(pool, Control(), result.data(), size.rows, size.columns, weight.data(), 1e-5f, result.data());
      return result;
    });
    EXPECT_LE(relative_error(y, expected), 3e-7);
  }
}

TEST(RmsNorm, gradient_agrees_with_the_derivative_in_double) {
  constexpr double kEps = 1e-5f;
  for (const Size size : kSizes) {
    const int64_t count = size.rows * size.columns, columns = size.columns;
    const std::vector<float> x = random_values(count, 6), weight = random_values(columns, 7),
                             dy = random_values(count, 8), addend = random_values(count, 9),
                             before = random_values(columns, 10);
    std::vector<double> dx(count), dweight(before.begin(), before.end());
    for (int64_t row = 0; row < size.rows; ++row) {
      double squares = 0, product = 0;
      for (int64_t i = 0; i < columns; ++i) squares += std::pow(static_cast<double>(x[row * columns + i]), 2);
      const double root = 1 / std::sqrt(squares / columns + kEps);
      for (int64_t i = 0; i < columns; ++i) {
        const int64_t at = row * columns + i;
        product += static_cast<double>(x[at]) * dy[at] * weight[i];
        dweight[i] += static_cast<double>(dy[at]) * x[at] * root;
      }
      for (int64_t i = 0; i < columns; ++i) {
        const int64_t at = row * columns + i;
        dx[at] = root * dy[at] * weight[i] - x[at] * root * root * root * product / columns + addend[at];
      }
    }
    std::vector<float> found_dweight;
    const std::vector<float> found = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result = dy;  // dx may be dy
      found_dweight = before;
      rms_norm_gradient(pool, Control(), x.data(), weight.data(), 1e-5f, result.data(), addend.data(), size.rows,
                        columns, true, result.data(), found_dweight.data());
      return result;
    });
    EXPECT_LE(relative_error(found, dx), 1e-6);
    EXPECT_LE(relative_error(found_dweight, dweight), 1e-6);
    ThreadPool pool(2);
    std::vector<float> frozen = addend;  // dx may be addend
    rms_norm_gradient(pool, Control(), x.data(), weight.data(), 1e-5f, dy.data(), frozen.data(), size.rows, columns,
                      false, frozen.data(), nullptr);
    EXPECT_EQ(frozen, found);
  }
}

TEST(Rotate, turns_pairs_of_halves_by_the_angles_of_their_position_and_back) {
  const int64_t rows = 50, heads = 3, width = 10, half = 5;
  std::vector<float> table(64 * width);
  for (int64_t position = 0; position < 64; ++position) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = position * std::pow(100.0, -2.0 * i / width);
      table[position * width + i] = static_cast<float>(std::cos(angle));
      table[position * width + half + i] = static_cast<float>(std::sin(angle));
    }
  }
  std::vector<int32_t> positions(rows);
  for (int64_t row = 0; row < rows; ++row) positions[row] = static_cast<int32_t>(row * 7 % 64);
  const std::vector<float> x = random_values(rows * heads * width, 11);
  std::vector<double> expected(x.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t at = row * heads * width; at < (row + 1) * heads * width; at += width) {
      for (int64_t i = 0; i < half; ++i) {
        const double c = table[positions[row] * width + i], s = table[positions[row] * width + half + i];
        expected[at + i] = x[at + i] * c - x[at + half + i] * s;
        expected[at + half + i] = x[at + half + i] * c + x[at + i] * s;
      }
    }
  }
  std::vector<float> turned = with_any_threads([&](ThreadPool& pool) {
    std::vector<float> result = x;
    rotate(pool, Control(), positions.data(), rows, heads, width, table.data(), false, result.data());
    return result;
  });
  EXPECT_LE(relative_error(turned, expected), 2e-7);
  ThreadPool pool(2);
  rotate(pool, Control(), positions.data(), rows, heads, width, table.data(), true, turned.data());
  EXPECT_LE(relative_error(turned, x), 3e-7);
}

TEST(Swiglu, and_its_gradient_agree_with_double) {
  for (const int64_t count : {1, 7, 33, 70'001}) {
    std::vector<float> gate = random_values(count, 12);
    for (float& value : gate) value *= 20;
    const std::vector<float> up = random_values(count, 13), dy = random_values(count, 14);
    std::vector<double> y(count), dgate(count), dup(count);
    for (int64_t i = 0; i < count; ++i) {
      const double g = gate[i], s = 1 / (1 + std::exp(-g));
      y[i] = g * s * up[i];
      dgate[i] = dy[i] * up[i] * s * (1 + g * (1 - s));
      dup[i] = dy[i] * g * s;
    }
    EXPECT_LE(relative_error(with_any_threads([&](ThreadPool& pool) {
                               std::vector<float> result = gate;
                               swiglu(pool, Control(), result.data(), up.data(), count, result.data());
                               return result;
                             }),
                             y),
              5e-7);
    std::vector<float> found_dup;
    const std::vector<float> found = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result = gate;
      found_dup = up;
      swiglu_gradient(pool, Control(), result.data(), found_dup.data(), dy.data(), count, result.data(),
                      found_dup.data());
      return result;
    });
    EXPECT_LE(relative_error(found, dgate), 5e-7);
    EXPECT_LE(relative_error(found_dup, dup), 5e-7);
  }
}

std::vector<double> naive_linear(const std::vector<float>& x, const std::vector<float>& weight, int64_t rows,
                                 int64_t in, int64_t out) {
  std::vector<double> y(rows * out);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) y[row * out + o] += static_cast<double>(x[row * in + i]) * weight[o * in + i];
    }
  }
  return y;
}

TEST(LinearFewRows, agrees_with_double_and_a_row_does_not_depend_on_the_others) {
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {1, 576, 1537}, {7, 33, 5}, {4, 10, 300}, {9, 1536, 70}}) {
    const std::vector<float> x = random_values(rows * in, 15), weight = random_values(out * in, 16),
                             bias = random_values(out, 17), residual = random_values(rows * out, 18);
    std::vector<double> expected = naive_linear(x, weight, rows, in, out);
    for (int64_t at = 0; at < rows * out; ++at) expected[at] += bias[at % out] + residual[at];
    const std::vector<float> y = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result(rows * out, NAN);
      linear_few_rows(pool, Control(), x.data(), rows, in, {weight.data()}, bias.data(), out, residual.data(),
                      result.data());
      return result;
    });
    EXPECT_LE(relative_error(y, expected), 1e-6);
    for (int64_t row = 0; row < rows; ++row) {
      ThreadPool pool(2);
      std::vector<float> alone(out);
      linear_few_rows(pool, Control(), x.data() + row * in, 1, in, {weight.data()}, bias.data(), out,
                      residual.data() + row * out, alone.data());
      EXPECT_EQ(alone, std::vector<float>(y.begin() + row * out, y.begin() + (row + 1) * out));
    }
  }
}

TEST(LinearInputGradient, agrees_with_double_and_adds) {
  const int64_t rows = 21, in = 33, out = 50;
  const std::vector<float> dy = random_values(rows * out, 19), weight = random_values(out * in, 20),
                           addend = random_values(rows * in, 21);
  std::vector<double> expected(addend.begin(), addend.end());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i) expected[row * in + i] += static_cast<double>(dy[row * out + o]) * weight[o * in + i];
    }
  }
  const std::vector<float> dx = with_any_threads([&](ThreadPool& pool) {
    std::vector<float> result = addend;
    linear_input_gradient(pool, Control(), dy.data(), rows, in, out, {weight.data()}, result.data(), result.data());
    return result;
  });
  EXPECT_LE(relative_error(dx, expected), 1e-6);
}

TEST(Weights, in_half_precision_give_the_bytes_of_their_values_in_float32) {
  ThreadPool pool(2);
  for (const auto& [rows, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {1, 576, 1537}, {3, 33, 5}, {2, 47, 300}, {9, 1536, 70}}) {
    const std::vector<float> x = random_values(rows * in, 15), dy = random_values(rows * out, 16);
    for (const FloatType stored : test::kHalfTypes) {
      // Not so large that a sum would be infinite.
      const test::RandomHalves weight(stored, out * in, 0.6);
      const auto results = [&](DndWeight w) {
        std::vector<float> y(rows * out, NAN), dx(rows * in, NAN), few(rows * out, NAN), embedded(2 * in, NAN);
        linear(pool, Control(), x.data(), rows, in, w, nullptr, out, kDndGelu, nullptr, y.data());
        linear_few_rows(pool, Control(), x.data(), rows, in, w, nullptr, out, nullptr, few.data());
        linear_input_gradient(pool, Control(), dy.data(), rows, in, out, w, nullptr, dx.data());
        const int32_t ids[] = {static_cast<int32_t>(out - 1), 0};
        embed_tokens(pool, Control(), ids, 2, w, in, embedded.data());
        const int32_t positions[] = {0, 0};
        std::vector<float> summed(2 * in, NAN);
        embed(pool, Control(), ids, positions, 2, w, x.data(), x.data(), in, summed.data());
        return std::array{y, few, dx, embedded, summed};
      };
      const auto found = results(weight.weight()), wanted = results({weight.floats.data()});
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(std::memcmp(found[i].data(), wanted[i].data(), wanted[i].size() * sizeof(float)), 0)
            << "result " << i << ", " << rows << "×" << in << "×" << out;
      }
      EXPECT_TRUE(std::all_of(wanted[1].begin(), wanted[1].end(), [](float value) { return std::isfinite(value); }));
    }
  }
}

/// Rows of three adapters, of which one has none, beside rows without an adapter.
struct LowRankProblem {
  int64_t rows = 90, in = 33, out = 50, rank = 3;
  std::vector<float> x = random_values(rows * in, 22), y = random_values(rows * out, 23),
                     dy = random_values(rows * out, 24), a = random_values(3 * rank * in, 25),
                     b = random_values(3 * out * rank, 26);
  std::vector<float> da = random_values(3 * rank * in, 27), db = random_values(3 * out * rank, 28);
  std::vector<DndLowRankGroup> groups() {
    std::vector<DndLowRankGroup> result;
    const int64_t first[] = {2, 5, 5}, count[] = {1, 0, 80};
    for (int64_t i = 0; i < 3; ++i) {
      result.push_back({first[i], count[i], a.data() + i * rank * in, b.data() + i * out * rank,
                        da.data() + i * rank * in, db.data() + i * out * rank});
    }
    return result;
  }
};

TEST(LowRank, adds_each_groups_own_product) {
  LowRankProblem p;
  const std::vector<DndLowRankGroup> groups = p.groups();
  const DndLowRank shape = {p.in, p.out, p.rank, 0.5f, 3, groups.data()};
  std::vector<double> expected(p.y.begin(), p.y.end());
  for (const DndLowRankGroup& group : groups) {
    for (int64_t row = group.first_row; row < group.first_row + group.rows; ++row) {
      for (int64_t r = 0; r < p.rank; ++r) {
        double t = 0;
        for (int64_t i = 0; i < p.in; ++i) t += static_cast<double>(p.x[row * p.in + i]) * group.a[r * p.in + i];
        for (int64_t o = 0; o < p.out; ++o) expected[row * p.out + o] += 0.5 * t * group.b[o * p.rank + r];
      }
    }
  }
  const std::vector<float> y = with_any_threads([&](ThreadPool& pool) {
    std::vector<float> result = p.y, t(p.rows * p.rank);
    low_rank(pool, Control(), shape, p.x.data(), t.data(), result.data());
    return result;
  });
  EXPECT_LE(relative_error(y, expected), 1e-6);
  for (const int64_t row : {0, 4, 85}) {
    for (int64_t o = 0; o < p.out; ++o) EXPECT_EQ(y[row * p.out + o], p.y[row * p.out + o]);
  }
}

TEST(LowRank, of_a_row_does_not_depend_on_how_many_share_its_adapter) {
  LowRankProblem p;
  const std::vector<DndLowRankGroup> groups = p.groups();
  const auto run = [&](DndLowRankGroup group) {
    ThreadPool pool(2);
    std::vector<float> y = p.y, t(p.rows * p.rank);
    low_rank(pool, Control(), {p.in, p.out, p.rank, 0.5f, 1, &group}, p.x.data(), t.data(), y.data());
    return y;
  };
  DndLowRankGroup alone = groups[2];
  alone.first_row = 50;
  alone.rows = 1;
  const std::vector<float> all = run(groups[2]), one = run(alone);
  for (int64_t o = 0; o < p.out; ++o) EXPECT_EQ(all[50 * p.out + o], one[50 * p.out + o]);
}

TEST(LowRank, gradient_agrees_with_double) {
  LowRankProblem p;
  const std::vector<float> da_before = p.da, db_before = p.db;
  const std::vector<DndLowRankGroup> groups = p.groups();
  const DndLowRank shape = {p.in, p.out, p.rank, 0.5f, 3, groups.data()};
  for (const bool accumulate : {false, true}) {
    std::vector<double> da(p.da.size()), db(p.db.size()), dx(p.x.size());
    if (accumulate) std::copy(da_before.begin(), da_before.end(), da.begin());
    if (accumulate) std::copy(db_before.begin(), db_before.end(), db.begin());
    for (int64_t g = 0; g < 3; ++g) {
      for (int64_t row = groups[g].first_row; row < groups[g].first_row + groups[g].rows; ++row) {
        for (int64_t r = 0; r < p.rank; ++r) {
          double t = 0, dt = 0;
          for (int64_t i = 0; i < p.in; ++i) t += 0.5 * p.x[row * p.in + i] * groups[g].a[r * p.in + i];
          for (int64_t o = 0; o < p.out; ++o) dt += 0.5 * p.dy[row * p.out + o] * groups[g].b[o * p.rank + r];
          for (int64_t o = 0; o < p.out; ++o) db[(g * p.out + o) * p.rank + r] += p.dy[row * p.out + o] * t;
          for (int64_t i = 0; i < p.in; ++i) da[(g * p.rank + r) * p.in + i] += dt * p.x[row * p.in + i];
          for (int64_t i = 0; i < p.in; ++i) dx[row * p.in + i] += dt * groups[g].a[r * p.in + i];
        }
      }
    }
    const std::vector<float> found = with_any_threads([&](ThreadPool& pool) {
      p.da = da_before;
      p.db = db_before;
      std::vector<float> y = p.y, t(p.rows * p.rank), dt(p.rows * p.rank), result(p.x.size());
      low_rank(pool, Control(), shape, p.x.data(), t.data(), y.data());
      low_rank_gradient(pool, Control(), shape, p.x.data(), t.data(), p.dy.data(), accumulate, dt.data(),
                        result.data());
      return result;
    });
    EXPECT_LE(relative_error(found, dx), 1e-6);
    EXPECT_LE(relative_error(p.da, da), 1e-6);
    EXPECT_LE(relative_error(p.db, db), 1e-6);
  }
}

TEST(CrossEntropy, and_its_gradient_agree_with_double) {
  for (const Size size : {Size{1, 1}, Size{3, 7}, Size{9, 4097}}) {
    std::vector<float> logits = random_values(size.rows * size.columns, 29);
    for (float& value : logits) value = value * 30 + 200;
    std::vector<int32_t> labels(size.rows);
    for (int64_t row = 0; row < size.rows; ++row) labels[row] = static_cast<int32_t>(row * 37 % size.columns);
    std::vector<double> losses(size.rows), gradient(logits.size());
    for (int64_t row = 0; row < size.rows; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < size.columns; ++i) sum += std::exp(logits[row * size.columns + i] - 200.0);
      losses[row] = std::log(sum) + 200.0 - logits[row * size.columns + labels[row]];
      for (int64_t i = 0; i < size.columns; ++i) {
        gradient[row * size.columns + i] = 0.25 * (std::exp(logits[row * size.columns + i] - 200.0) / sum - (i == labels[row]));
      }
    }
    std::vector<double> found_losses(size.rows), without(size.rows);
    const std::vector<float> found = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result = logits;
      cross_entropy(pool, Control(), result.data(), labels.data(), size.rows, size.columns, 0.25, result.data(),
                    found_losses.data(), nullptr);
      return result;
    });
    for (int64_t row = 0; row < size.rows; ++row) EXPECT_NEAR(found_losses[row], losses[row], 1e-6 * (1 + losses[row]));
    if (size.columns > 1) {
      EXPECT_LE(relative_error(found, gradient), 1e-6);
    }
    ThreadPool pool(2);
    std::vector<int32_t> predictions(size.rows), most_likely(size.rows);
    for (int64_t row = 0; row < size.rows; ++row) {
      float* const own = logits.data() + row * size.columns;
      const int64_t first = std::max_element(own, own + size.columns) - own;
      own[size.columns - 1] = own[first];  // of equal ones the first counts
      most_likely[row] = int32_t(first);
    }
    cross_entropy(pool, Control(), logits.data(), labels.data(), size.rows, size.columns, 1, nullptr, without.data(),
                  predictions.data());
    EXPECT_EQ(predictions, most_likely);
  }
}

TEST(KlDivergence, and_its_gradient_agree_with_double) {
  for (const Size size : {Size{1, 1}, Size{3, 7}, Size{2, 512}, Size{9, 4097}}) {
    std::vector<float> logits = random_values(size.rows * size.columns, 29);
    std::vector<float> targets = random_values(size.rows * size.columns, 31);
    for (float& value : logits) value = value * 6 + 200;
    for (float& value : targets) value = value * 6 - 150;
    std::vector<float> expected = logits, workspace = targets;
    std::vector<double> losses(size.rows), found_losses(size.rows);
    test::naive::kl_divergence(nullptr, nullptr, workspace.data(), expected.data(), size.rows, size.columns, 0.25,
                               losses.data());
    const std::vector<float> found = with_any_threads([&](ThreadPool& pool) {
      std::vector<float> result = logits, read = targets;
      kl_divergence(pool, Control(), read.data(), result.data(), size.rows, size.columns, 0.25, found_losses.data());
      return result;
    });
    for (int64_t row = 0; row < size.rows; ++row) EXPECT_NEAR(found_losses[row], losses[row], 1e-6 * (1 + losses[row]));
    if (size.columns > 1) {
      EXPECT_LE(relative_error(found, expected), 1e-6);
    }
  }
}

}  // namespace
}  // namespace dnd::cpu
