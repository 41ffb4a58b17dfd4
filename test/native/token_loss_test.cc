#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "cpu/training/operations.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

struct LossCase {
  int64_t batch, tokens, elements;
  std::vector<float> y, target, importance;

  /// Some elements of each token are missing, and all of some tokens.
  LossCase(int64_t batch, int64_t tokens, int64_t elements)
      : batch(batch),
        tokens(tokens),
        elements(elements),
        y(random_values(batch * tokens * elements, 1)),
        target(random_values(batch * tokens * elements, 2)),
        importance(random_values(tokens, 3)) {
    for (float& value : importance) value = 1.5f + value;
    for (int64_t i = 0; i < static_cast<int64_t>(target.size()); ++i) {
      if (i % 5 == 1 || (tokens > 2 && i / elements % tokens == 1)) target[i] = kNothing;
    }
  }
};

struct Loss {
  std::vector<DndTokenSums> sums;
  std::vector<double> dy;
};

Loss naive(const LossCase& c, bool weighted, double weight) {
  Loss result{std::vector<DndTokenSums>(c.batch), std::vector<double>(c.y.size())};
  double valid = 0;
  const int64_t per_task = c.tokens * c.elements;
  for (size_t i = 0; i < c.y.size(); ++i) {
    if (std::isnan(c.target[i])) continue;
    DndTokenSums& sums = result.sums[i / per_task];
    const double y = c.y[i], target = c.target[i];
    const double importance = weighted ? c.importance[i / c.elements % c.tokens] : 1;
    valid += 1;
    sums.valid += 1;
    sums.weighted_squares += importance * (y - target) * (y - target);
    sums.output_squares += y * y;
    sums.target_squares += target * target;
    sums.product += y * target;
    result.dy[i] = 2 * importance * (y - target);
  }
  for (double& value : result.dy) value *= valid > 0 ? weight / valid : 0;
  return result;
}

void expect_near(const DndTokenSums& sums, const DndTokenSums& wanted) {
  EXPECT_EQ(sums.valid, wanted.valid);
  EXPECT_NEAR(sums.weighted_squares, wanted.weighted_squares, 1e-12 * wanted.weighted_squares);
  EXPECT_NEAR(sums.output_squares, wanted.output_squares, 1e-12 * wanted.output_squares);
  EXPECT_NEAR(sums.target_squares, wanted.target_squares, 1e-12 * wanted.target_squares);
  EXPECT_NEAR(sums.product, wanted.product, 1e-12 * wanted.output_squares);
}

TEST(TokenLoss, agrees_with_its_definition_where_targets_are_missing) {
  for (const LossCase& c : {LossCase(1, 1, 1), LossCase(2, 3, 7), LossCase(3, 40, 65), LossCase(2, 4, 40'003)}) {
    for (bool weighted : {false, true}) {
      const Loss wanted = naive(c, weighted, 0.25);
      std::vector<float> expected;
      std::vector<DndTokenSums> expected_sums;
      for (int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        std::vector<float> dy(c.y.size(), kNothing);
        std::vector<DndTokenSums> sums(c.batch);
        token_loss(pool, Control(), c.y.data(), c.target.data(), weighted ? c.importance.data() : nullptr, c.batch,
                   c.tokens, c.elements, 0.25, dy.data(), sums.data());
        if (threads == 1) {
          for (int64_t task = 0; task < c.batch; ++task) expect_near(sums[task], wanted.sums[task]);
          EXPECT_LE(relative_error(dy, wanted.dy), 2e-7);
          expected = dy, expected_sums = sums;
        }
        EXPECT_EQ(dy, expected);
        EXPECT_EQ(std::memcmp(sums.data(), expected_sums.data(), sums.size() * sizeof(DndTokenSums)), 0);
      }
    }
  }
}

TEST(TokenLoss, may_write_over_its_output_or_leave_out_its_gradient) {
  const LossCase c(2, 3, 77);
  ThreadPool pool(2);
  const auto run = [&](const float* y, float* dy) {
    std::vector<DndTokenSums> sums(c.batch);
    token_loss(pool, Control(), y, c.target.data(), nullptr, c.batch, c.tokens, c.elements, 1, dy, sums.data());
    return sums[1].weighted_squares;
  };
  std::vector<float> apart(c.y.size()), over = c.y;
  const double loss = run(c.y.data(), apart.data());
  EXPECT_EQ(run(over.data(), over.data()), loss);
  EXPECT_EQ(over, apart);
  EXPECT_EQ(run(c.y.data(), nullptr), loss);
}

TEST(TokenLoss, without_a_single_target_is_zero_and_so_is_its_gradient) {
  LossCase c(2, 3, 20);
  std::fill(c.target.begin(), c.target.end(), kNothing);
  ThreadPool pool(1);
  std::vector<float> dy(c.y.size(), 7.0f);
  std::vector<DndTokenSums> sums(c.batch);
  token_loss(pool, Control(), c.y.data(), c.target.data(), nullptr, c.batch, c.tokens, c.elements, 1, dy.data(),
             sums.data());
  EXPECT_EQ(dy, std::vector<float>(c.y.size()));
  EXPECT_EQ(sums[0].valid, 0);
  EXPECT_EQ(sums[0].weighted_squares, 0);
}

TEST(TokenLoss, propagates_a_nan_output_only_where_there_is_a_target) {
  LossCase c(1, 1, 40);
  ThreadPool pool(1);
  std::vector<DndTokenSums> sums(1);
  const auto loss = [&] {
    token_loss(pool, Control(), c.y.data(), c.target.data(), nullptr, 1, 1, 40, 1, nullptr, sums.data());
    return sums[0].weighted_squares;
  };
  c.y[6] = kNothing;  // no target
  EXPECT_TRUE(std::isfinite(loss()));
  c.y[7] = kNothing;
  EXPECT_TRUE(std::isnan(loss()));
}

}  // namespace
}  // namespace dnd::cpu
