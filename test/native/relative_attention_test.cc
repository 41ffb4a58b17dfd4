#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include "cpu/layers/layers.h"
#include "model/relative_positions.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

constexpr int64_t kBuckets = 8, kMaxDistance = 12;

struct Problem {
  int64_t heads, head_width;
  std::vector<int64_t> lengths;
  int64_t window = 0;
  bool biased = true;
  float scale = 1;
  std::vector<float> q, k, v, bias;
  std::vector<int32_t> mask, positions;

  Problem(int64_t heads, int64_t head_width, std::vector<int64_t> lengths, uint32_t seed)
      : heads(heads), head_width(head_width), lengths(std::move(lengths)) {
    q = random_values(rows() * heads * head_width, seed);
    k = random_values(rows() * heads * head_width, seed + 1);
    v = random_values(rows() * heads * head_width, seed + 2);
    bias = random_values(kBuckets * heads, seed + 3);
    for (float& value : bias) value *= 3;
    mask.assign(rows(), 1);
    for (const int64_t length : this->lengths) {
      for (int64_t i = 0; i < length; ++i) positions.push_back(static_cast<int32_t>(i));
    }
  }
  std::vector<int64_t> offsets() const {
    std::vector<int64_t> result = {0};
    for (const int64_t length : lengths) result.push_back(result.back() + length);
    return result;
  }
  int64_t rows() const { return offsets().back(); }
  int64_t span() const { return *std::max_element(positions.begin(), positions.end()); }
};

/// As Hugging Face computes it: the lowest finite score for keys that are padding or out of the window.
std::vector<double> naive_attention(const Problem& problem) {
  const int64_t width = problem.head_width, columns = problem.heads * width;
  const std::vector<int32_t> buckets = relative_buckets(problem.span(), kBuckets, kMaxDistance);
  std::vector<double> y(problem.rows() * columns);
  const std::vector<int64_t> offsets = problem.offsets();
  for (size_t sequence = 0; sequence + 1 < offsets.size(); ++sequence) {
    for (int64_t query = offsets[sequence]; query < offsets[sequence + 1]; ++query) {
      for (int64_t head = 0; head < problem.heads; ++head) {
        std::vector<double> weights;
        for (int64_t key = offsets[sequence]; key < offsets[sequence + 1]; ++key) {
          double score = 0;
          for (int64_t i = head * width; i < (head + 1) * width; ++i) {
            score += static_cast<double>(problem.q[query * columns + i]) * problem.k[key * columns + i];
          }
          score *= problem.scale;
          const int64_t distance = problem.positions[key] - problem.positions[query];
          if (problem.biased) score += problem.bias[buckets[distance + problem.span()] * problem.heads + head];
          const bool out = problem.window > 0 && std::abs(distance) > problem.window;
          weights.push_back(out || problem.mask[key] == 0 ? std::numeric_limits<float>::lowest() : score);
        }
        const double largest = *std::max_element(weights.begin(), weights.end());
        double sum = 0;
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (int64_t i = head * width; i < (head + 1) * width; ++i) {
          for (size_t key = 0; key < weights.size(); ++key) {
            y[query * columns + i] += weights[key] / sum * problem.v[(offsets[sequence] + key) * columns + i];
          }
        }
      }
    }
  }
  return y;
}

std::vector<float> attended(const Problem& problem, int threads = 2) {
  ThreadPool pool(threads);
  std::vector<float> y(problem.q.size(), NAN);
  const std::vector<int64_t> offsets = problem.offsets();
  const std::vector<int32_t> buckets = relative_buckets(problem.span(), kBuckets, kMaxDistance);
  const DndRelativeAttention shape = {
      .sequences = static_cast<int64_t>(problem.lengths.size()),
      .longest = *std::max_element(problem.lengths.begin(), problem.lengths.end()),
      .heads = problem.heads,
      .head_width = problem.head_width,
      .stride = problem.heads * problem.head_width,
      .offsets = offsets.data(),
      .mask = problem.mask.data(),
      .positions = problem.positions.data(),
      .scale = problem.scale,
      .window = problem.window,
      .bias = problem.biased ? problem.bias.data() : nullptr,
      .buckets = buckets.data(),
      .span = problem.span(),
  };
  relative_attention(pool, Control(), shape, problem.q.data(), problem.k.data(), problem.v.data(), y.data());
  return y;
}

TEST(RelativeAttention, agrees_with_double_for_any_heads_widths_and_lengths) {
  for (Problem problem : {Problem(1, 1, {1}, 1), Problem(3, 6, {17, 1, 5}, 2), Problem(2, 32, {64, 33}, 3),
                          Problem(5, 7, {32, 16, 8, 48}, 4), Problem(2, 15, {301}, 5)}) {
    for (const int64_t window : {0, 1, 7, 1000}) {
      for (const bool biased : {true, false}) {
        problem.window = window;
        problem.biased = biased;
        problem.scale = biased ? 1.0f : 0.3f;
        EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6)
            << problem.heads << " heads of " << problem.head_width << ", window " << window << ", biased " << biased;
      }
    }
  }
}

TEST(RelativeAttention, ignores_padding_keys_at_any_position) {
  Problem problem(3, 6, {17, 90, 9, 1}, 8);
  std::mt19937 random(9);
  for (int32_t& real : problem.mask) real = static_cast<int32_t>(random() % 2);
  for (const int64_t window : {0, 2}) {
    problem.window = window;
    EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6);
  }
}

TEST(RelativeAttention, of_a_query_without_any_key_is_uniform) {
  Problem problem(2, 4, {120, 10}, 10);
  for (int64_t row = 20; row < 120; ++row) problem.mask[row] = 0;  // far from every real key
  for (int64_t row = 120; row < 130; ++row) problem.mask[row] = 0;
  problem.window = 5;
  EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6);
}

TEST(RelativeAttention, reads_distances_from_positions_not_from_rows) {
  Problem problem(2, 4, {40}, 11);
  for (int64_t row = 0; row < 40; ++row) problem.positions[row] = static_cast<int32_t>(row + (row > 12 ? 9 : 0));
  for (const int64_t window : {0, 6}) {
    problem.window = window;
    EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6);
  }
}

TEST(RelativeAttention, gives_the_same_bytes_for_any_number_of_threads_and_beside_any_neighbour) {
  Problem problem(3, 20, {200, 77}, 12);
  for (int64_t row = 150; row < 220; ++row) problem.mask[row] = 0;
  problem.window = 30;
  const std::vector<float> one = attended(problem, 1);
  for (const int threads : {2, 3, 8, 61}) EXPECT_EQ(attended(problem, threads), one) << threads << " threads";
  Problem first = problem;
  first.lengths = {200};
  first.positions.resize(200);
  const std::vector<float> alone = attended(first);
  EXPECT_TRUE(std::equal(alone.begin(), alone.begin() + 200 * 3 * 20, one.begin()));
}

TEST(RelativePositions, have_one_bucket_each_nearby_and_shared_ones_beyond) {
  // T5's: eight buckets, four for keys after the query; exact up to distance 1, the last one from max_distance on.
  const std::vector<int32_t> buckets = relative_buckets(20, 8, 16);
  const auto bucket = [&](int64_t distance) { return buckets[distance + 20]; };
  EXPECT_EQ(bucket(0), 0);
  EXPECT_EQ(bucket(-1), 1);
  EXPECT_EQ(bucket(-2), 2);
  EXPECT_EQ(bucket(-5), 2);
  EXPECT_EQ(bucket(-6), 3);
  EXPECT_EQ(bucket(-20), 3);
  EXPECT_EQ(bucket(1), 5);
  EXPECT_EQ(bucket(20), 7);
}

}  // namespace
}  // namespace dnd::cpu
