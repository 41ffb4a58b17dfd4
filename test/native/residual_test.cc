#include "model/residual.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/status.h"
#include "plan/adapter_layout.h"
#include "random_values.h"

namespace dnd {
namespace {

using test::random_values;

/// Two tensors of rank 3 in chunks of 5, without margins: A [3, 12] and, transposed, B [7, 3].
struct Adapter {
  std::vector<DndAdapterTensor> tensors = {{0, 3, 12, 0, 0}, {3, 2, 7, 1, 36}};
  DndAdapterLayout layout = {5, 3, 5, 3, 5, 57, tensors.data(), 2};
};

TEST(Residual, restores_mean_plus_scale_times_element_at_every_position) {
  const Adapter adapter;
  const std::vector<float> tokens = random_values(5 * 15, 1), mean = random_values(57, 2);
  const std::vector<float> scales = {0.5F, 2.0F, 0.25F, 1.0F, 3.0F};
  std::vector<float> weights(57, std::numeric_limits<float>::quiet_NaN());
  restore_residual(adapter.layout, {mean.data(), scales.data()}, tokens.data(), weights.data());
  const auto expected = [&](int64_t token, int64_t row, int64_t column, int64_t place) {
    return static_cast<float>(double{tokens[token * 15 + row * 5 + column]} * scales[token] + mean[place]);
  };
  for (int64_t row = 0; row < 3; ++row) {
    for (int64_t i = 0; i < 12; ++i) {
      EXPECT_EQ(weights[row * 12 + i], expected(i / 5, row, i % 5, row * 12 + i));
    }
    for (int64_t i = 0; i < 7; ++i) {
      EXPECT_EQ(weights[36 + i * 3 + row], expected(3 + i / 5, row, i % 5, 36 + i * 3 + row));
    }
  }
}

TEST(Residual, is_the_mean_exactly_where_the_scale_is_0_whatever_the_token_holds) {
  const Adapter adapter;
  const std::vector<float> tokens(5 * 15, std::numeric_limits<float>::infinity()), mean = random_values(57, 3);
  const std::vector<float> scales(5, 0.0F);
  std::vector<float> weights(57);
  restore_residual(adapter.layout, {mean.data(), scales.data()}, tokens.data(), weights.data());
  EXPECT_EQ(weights, mean);
}

TEST(Residual, layouts_without_margins_may_have_odd_sizes_and_are_otherwise_checked_alike) {
  Adapter adapter;
  EXPECT_NO_THROW(check_adapter_layout(adapter.layout, false));
  EXPECT_THROW(check_adapter_layout(adapter.layout), Error);
  adapter.layout.elements = 56;
  EXPECT_THROW(check_adapter_layout(adapter.layout, false), Error);
}

}  // namespace
}  // namespace dnd
