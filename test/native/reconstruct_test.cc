#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "counted_control.h"
#include "model/device.h"
#include "random_values.h"

namespace dnd {
namespace {

using test::random_values;

/// Two tensors of rank 3 in chunks of 5: A [3, 12] and, transposed, B [7, 3].
struct Adapter {
  std::vector<DndAdapterTensor> tensors = {{0, 3, 12, 0, 0}, {3, 2, 7, 1, 36}};
  DndAdapterLayout layout = {5, 6, 8, 3, 5, 57, tensors.data(), 2};
  int64_t token_elements() const { return layout.tokens * layout.height * layout.width; }
};

std::vector<float> reconstructed(const Adapter& adapter, const std::vector<float>& tokens, int64_t batch, int threads) {
  const Device device(threads);
  std::vector<float> weights(batch * adapter.layout.elements, std::numeric_limits<float>::quiet_NaN());
  device.call(device->reconstruct, nullptr, tokens.data(), batch, &adapter.layout, weights.data());
  return weights;
}

/// Writes mean and deviation into all margins of a token, in the format of src/adapter/token.ts.
void write_margins(const Adapter& adapter, double mean, double deviation, float* token) {
  const int64_t height = adapter.layout.height, width = adapter.layout.width;
  const float margin_mean = static_cast<float>(mean * 8);
  const float margin_deviation = static_cast<float>(std::log(deviation * 0.9 + 0.1) + 1.6);
  for (int64_t row = height - 2; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      token[row * width + column] = column % 2 == 0 ? margin_mean : margin_deviation;
    }
  }
  for (int64_t row = 0; row < height; ++row) {
    token[row * width + width - 2] = margin_mean;
    token[row * width + width - 1] = margin_deviation;
  }
}

TEST(Reconstruct, writes_every_weight_to_its_position_in_its_tensor) {
  const Adapter adapter;
  const int64_t batch = 2, token = adapter.layout.height * adapter.layout.width;
  std::vector<float> tokens = random_values(batch * adapter.token_elements(), 3);
  for (int64_t t = 0; t < batch * adapter.layout.tokens; ++t) {
    write_margins(adapter, 0.01 * static_cast<double>(t), 0.02 + 0.01 * static_cast<double>(t), &tokens[t * token]);
  }
  const std::vector<float> weights = reconstructed(adapter, tokens, batch, 2);
  const auto expected = [&](int64_t t, int64_t row, int64_t column) {
    return tokens[t * token + row * adapter.layout.width + column] * (0.02 + 0.01 * static_cast<double>(t)) +
           0.01 * static_cast<double>(t);
  };
  for (int64_t task = 0; task < batch; ++task) {
    const float* own = &weights[task * adapter.layout.elements];
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t i = 0; i < 12; ++i) {
        EXPECT_NEAR(own[row * 12 + i], expected(task * 5 + i / 5, row, i % 5), 1e-6) << row << " " << i;
      }
      for (int64_t i = 0; i < 7; ++i) {
        EXPECT_NEAR(own[36 + i * 3 + row], expected(task * 5 + 3 + i / 5, row, i % 5), 1e-6) << row << " " << i;
      }
    }
  }
}

/// Margins of distinct numbers: the formula of docs/formats.md, written out.
TEST(Reconstruct, averages_margins_that_disagree) {
  std::vector<DndAdapterTensor> tensors = {{0, 1, 2, 0, 0}};
  const DndAdapterLayout layout = {1, 4, 4, 2, 2, 4, tensors.data(), 1};
  const std::vector<float> token = random_values(16, 11);
  const Device device(1);
  std::vector<float> weights(4);
  device.call(device->reconstruct, nullptr, token.data(), int64_t{1}, &layout, weights.data());
  const auto at = [&](int row, int column) { return static_cast<double>(token[row * 4 + column]); };
  double mean = 0, deviation = 0;
  for (int parity : {0, 1}) {
    const int row = 2 + parity;
    const double m = ((at(row, 0) + at(row, 2)) / 2 + (at(parity, 2) + at(parity + 2, 2)) / 2) / 2;
    const double s = ((at(row, 1) + at(row, 3)) / 2 + (at(parity, 3) + at(parity + 2, 3)) / 2) / 2;
    mean += m / 8 / 2;
    deviation += (std::exp(s - 1.6) - 0.1) / 0.9 / 2;
  }
  for (int row : {0, 1}) {
    for (int column : {0, 1}) {
      EXPECT_FLOAT_EQ(weights[row * 2 + column], static_cast<float>(at(row, column) * deviation + mean));
    }
  }
}

TEST(Reconstruct, gives_the_same_bytes_for_any_number_of_threads) {
  const Adapter adapter;
  const std::vector<float> tokens = random_values(3 * adapter.token_elements(), 5);
  const std::vector<float> one = reconstructed(adapter, tokens, 3, 1);
  for (int threads : {2, 5}) EXPECT_EQ(reconstructed(adapter, tokens, 3, threads), one);
}

TEST(Reconstruct, rejects_a_layout_that_exceeds_its_tokens_or_its_adapter) {
  const Device device(1);
  const std::vector<float> tokens(1000);
  std::vector<float> weights(1000);
  const auto refusal = [&](auto change) {
    Adapter adapter;
    change(adapter);
    try {
      device.call(device->reconstruct, nullptr, tokens.data(), int64_t{1}, &adapter.layout, weights.data());
    } catch (const Error& error) {
      return std::string(error.code() == ErrorCode::kInvalidArgument ? error.what() : "another code");
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refusal([](Adapter& a) { a.tensors[1].first_token = 4; }),
            "adapter layout: tensor 1's first token is 4; it must be from 0 to 3");
  EXPECT_EQ(refusal([](Adapter& a) { a.tensors[0].tokens = 4; }),
            "adapter layout: tensor 0's number of tokens is 4; it must be from 3 to 3");
  EXPECT_EQ(refusal([](Adapter& a) { a.tensors[1].offset = 37; }),
            "adapter layout: tensor 1's offset is 37; it must be from 0 to 36");
  EXPECT_EQ(refusal([](Adapter& a) { a.layout.rank = 7; }), "adapter layout: the rank is 7; it must be from 1 to 6");
  EXPECT_EQ(refusal([](Adapter& a) { a.layout.chunk = 9; }), "adapter layout: the chunk is 9; it must be from 1 to 8");
  EXPECT_EQ(refusal([](Adapter& a) { a.layout.width = 7; }),
            "adapter layout: tokens are [6, 7]; both sizes must be even");
  EXPECT_EQ(refusal([](Adapter& a) { a.layout.tensor_count = 0; }),
            "adapter layout: the number of tensors is 0; it must be from 1 to 5");
}

TEST(Reconstruct, stops_when_it_is_cancelled) {
  const Adapter adapter;
  const Device device(1);
  const std::vector<float> tokens(adapter.token_elements());
  std::vector<float> weights(adapter.layout.elements);
  test::CountedControl control;
  control.cancel_after = 1;
  EXPECT_THROW(
      device.call(device->reconstruct, &control.control, tokens.data(), int64_t{1}, &adapter.layout, weights.data()),
      Error);
}

}  // namespace
}  // namespace dnd
