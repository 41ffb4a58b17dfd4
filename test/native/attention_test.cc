#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "counted_control.h"
#include "cpu/layers/layers.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

struct Problem {
  int64_t heads, head_width;
  std::vector<int64_t> lengths;
  std::vector<float> qkv;
  std::vector<int32_t> mask;

  Problem(int64_t heads, int64_t head_width, std::vector<int64_t> lengths, uint32_t seed, float spread = 3.0f)
      : heads(heads), head_width(head_width), lengths(std::move(lengths)) {
    qkv = random_values(rows() * 3 * heads * head_width, seed);
    for (float& value : qkv) value *= spread;
    mask.assign(rows(), 1);
  }
  std::vector<int64_t> offsets() const {
    std::vector<int64_t> result = {0};
    for (const int64_t length : lengths) result.push_back(result.back() + length);
    return result;
  }
  int64_t rows() const { return offsets().back(); }
  float at(int64_t row, int64_t part, int64_t head, int64_t i) const {
    return qkv[((row * 3 + part) * heads + head) * head_width + i];
  }
};

/// As the published code computes it: scores plus the lowest finite float32 where the key is padding.
std::vector<double> naive_attention(const Problem& problem) {
  std::vector<double> y(problem.rows() * problem.heads * problem.head_width);
  const std::vector<int64_t> offsets = problem.offsets();
  for (size_t sequence = 0; sequence + 1 < offsets.size(); ++sequence) {
    const int64_t begin = offsets[sequence], length = offsets[sequence + 1] - begin;
    for (int64_t head = 0; head < problem.heads; ++head) {
      for (int64_t query = 0; query < length; ++query) {
        std::vector<double> weights(length);
        double largest = -INFINITY, sum = 0;
        for (int64_t key = 0; key < length; ++key) {
          double score = 0;
          for (int64_t i = 0; i < problem.head_width; ++i) {
            score += static_cast<double>(problem.at(begin + query, 0, head, i)) * problem.at(begin + key, 1, head, i);
          }
          score /= std::sqrt(static_cast<double>(problem.head_width));
          if (problem.mask[begin + key] == 0) score = std::numeric_limits<float>::lowest();  // absorbs the score
          weights[key] = score;
          largest = std::max(largest, score);
        }
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        for (int64_t i = 0; i < problem.head_width; ++i) {
          double value = 0;
          for (int64_t key = 0; key < length; ++key) value += weights[key] / sum * problem.at(begin + key, 2, head, i);
          y[((begin + query) * problem.heads + head) * problem.head_width + i] = value;
        }
      }
    }
  }
  return y;
}

std::vector<float> attended(const Problem& problem, int threads = 2) {
  ThreadPool pool(threads);
  std::vector<float> y(problem.rows() * problem.heads * problem.head_width, NAN);
  attention(pool, Control(), problem.qkv.data(), problem.mask.data(), problem.offsets().data(),
            static_cast<int64_t>(problem.lengths.size()),
            *std::max_element(problem.lengths.begin(), problem.lengths.end()), problem.heads, problem.head_width,
            y.data());
  return y;
}

TEST(Attention, agrees_with_double_for_any_heads_widths_and_lengths) {
  const std::vector<Problem> problems = {{1, 1, {1}, 1},     {3, 6, {17, 1, 5}, 2},   {2, 32, {64, 33}, 3},
                                         {12, 32, {130}, 4}, {1, 64, {40, 3, 31}, 5}, {5, 7, {32, 16, 8, 48}, 6},
                                         {2, 15, {511}, 7}};
  for (const Problem& problem : problems) {
    EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6)
        << problem.heads << " heads of " << problem.head_width;
  }
}

TEST(Attention, ignores_padding_keys_at_any_position) {
  Problem problem(3, 6, {17, 40, 9, 1}, 8);
  std::mt19937 random(9);
  for (int32_t& real : problem.mask) real = static_cast<int32_t>(random() % 2);
  problem.mask[0] = 0;
  EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6);
}

TEST(Attention, of_a_sequence_without_any_real_token_is_uniform) {
  Problem problem(3, 6, {17, 40, 1}, 10);
  for (int64_t row = 17; row < 58; ++row) problem.mask[row] = 0;
  EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 2e-6);
}

TEST(Attention, handles_scores_whose_exponential_would_overflow) {
  const Problem problem(2, 8, {50}, 11, 60.0f);
  EXPECT_LE(relative_error(attended(problem), naive_attention(problem)), 1e-4);
}

TEST(Attention, gives_the_same_bytes_for_any_number_of_threads) {
  Problem problem(3, 20, {200, 77}, 12);
  for (int64_t row = 150; row < 220; ++row) problem.mask[row] = 0;
  const std::vector<float> one = attended(problem, 1);
  for (const int threads : {2, 3, 8, 61}) EXPECT_EQ(attended(problem, threads), one) << threads << " threads";
}

TEST(Attention, of_a_sequence_does_not_depend_on_its_neighbours_or_on_its_padding) {
  const Problem alone(2, 12, {37}, 13);
  const std::vector<float> expected = attended(alone);
  const int64_t row_floats = 3 * 2 * 12;

  Problem together(2, 12, {19, 37, 64}, 14);
  std::copy(alone.qkv.begin(), alone.qkv.end(), together.qkv.begin() + 19 * row_floats);
  const std::vector<float> all = attended(together);
  EXPECT_EQ(std::vector<float>(all.begin() + 19 * 24, all.begin() + 56 * 24), expected);

  Problem padded(2, 12, {64}, 15);
  std::copy(alone.qkv.begin(), alone.qkv.end(), padded.qkv.begin());
  std::fill(padded.mask.begin() + 37, padded.mask.end(), 0);
  const std::vector<float> with_padding = attended(padded);
  EXPECT_EQ(std::vector<float>(with_padding.begin(), with_padding.begin() + 37 * 24), expected);
}

TEST(Attention, reports_its_multiply_adds_and_stops_when_cancelled) {
  test::CountedControl counted;
  const Problem problem(3, 6, {17, 40}, 16);
  ThreadPool pool(1);
  std::vector<float> y(57 * 18);
  const auto attend = [&] {
    attention(pool, Control(&counted.control), problem.qkv.data(), problem.mask.data(), problem.offsets().data(), 2, 40,
              3, 6, y.data());
  };
  attend();
  EXPECT_EQ(counted.done, 2.0 * (17 * 17 + 40 * 40) * 18);
  counted.cancel_after = counted.asked.load();
  EXPECT_THROW(attend(), Error);
}

TEST(Embed, adds_the_rows_of_three_tables) {
  const std::vector<float> word = random_values(5 * 7, 17), position = random_values(4 * 7, 18),
                           type = random_values(7, 19);
  const std::vector<int32_t> ids = {4, 0, 4}, positions = {3, 1, 0};
  std::vector<float> y(3 * 7);
  ThreadPool pool(2);
  embed(pool, Control(), ids.data(), positions.data(), 3, {word.data()}, position.data(), type.data(), 7, y.data());
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 7; ++i) {
      EXPECT_FLOAT_EQ(y[row * 7 + i], word[ids[row] * 7 + i] + position[positions[row] * 7 + i] + type[i]);
    }
  }
}

TEST(MeanPool, averages_the_real_rows_and_gives_zeros_where_there_is_none) {
  const int64_t columns = 130;
  const std::vector<float> x = random_values(6 * columns, 20);
  const std::vector<int32_t> mask = {1, 0, 1, 0, 0, 1};
  const std::vector<int64_t> offsets = {0, 3, 5, 6};
  std::vector<float> y(3 * columns, NAN);
  ThreadPool pool(3);
  mean_pool(pool, Control(), x.data(), mask.data(), offsets.data(), 3, columns, y.data());
  for (int64_t i = 0; i < columns; ++i) {
    EXPECT_FLOAT_EQ(y[i], (x[i] + x[2 * columns + i]) / 2);
    EXPECT_EQ(y[columns + i], 0.0f);
    EXPECT_EQ(y[2 * columns + i], x[5 * columns + i]);
  }
}

TEST(GatheredAttention, gives_the_bytes_of_attention_whose_padding_has_keys_too) {
  Problem problem(3, 16, {40, 1, 7, 100}, 9);
  for (const int64_t row : {0, 5, 6, 39, 42, 43}) problem.mask[row] = 0;
  for (int64_t row = 58; row < 148; ++row) problem.mask[row] = 0;
  const int64_t width = problem.heads * problem.head_width;
  const std::vector<int64_t> offsets = problem.offsets();
  std::vector<float> q, kv;
  std::vector<int64_t> key_offsets = {0};
  for (size_t sequence = 0; sequence + 1 < offsets.size(); ++sequence) {
    for (int64_t row = offsets[sequence]; row < offsets[sequence + 1]; ++row) {
      const auto begin = problem.qkv.begin() + row * 3 * width;
      q.insert(q.end(), begin, begin + width);
      if (problem.mask[row] != 0) kv.insert(kv.end(), begin + width, begin + 3 * width);
    }
    key_offsets.push_back(static_cast<int64_t>(kv.size()) / (2 * width));
  }
  ThreadPool pool(2);
  std::vector<float> expected(q.size()), found(q.size());
  attention(pool, Control(), problem.qkv.data(), problem.mask.data(), offsets.data(), 4, 100, problem.heads,
            problem.head_width, expected.data());
  const DndGatheredAttention shape = {4, 100, problem.heads, problem.head_width, offsets.data(), key_offsets.data()};
  gathered_attention(pool, Control(), shape, q.data(), kv.data(), found.data());
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace dnd::cpu
