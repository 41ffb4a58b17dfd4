#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "counted_control.h"
#include "cpu/language/operations.h"
#include "random_values.h"

namespace dnd::cpu {
namespace {

using test::random_values;
using test::relative_error;

/// Of a sequence's keys: rows of others.
struct Shared {
  int64_t begin = 0, count = 0;
};

struct Problem {
  std::vector<int64_t> queries, keys;  ///< of each sequence, its own
  int64_t heads, kv_heads, head_width, window;
  std::vector<Shared> shared = {};  ///< of each sequence; empty: none

  int64_t query_rows() const { return sum(queries); }
  int64_t key_rows() const { return sum(keys); }
  static int64_t sum(const std::vector<int64_t>& lengths) {
    int64_t total = 0;
    for (const int64_t length : lengths) total += length;
    return total;
  }
};

/// A problem with its operands; keys of a sequence follow those of the one before it.
struct Operands {
  Problem problem;
  std::vector<int64_t> query_offsets, shared_begins, shared_counts, key_begins;
  std::vector<float> q, k, v, dy;

  explicit Operands(const Problem& p, uint32_t seed = 1, float spread = 3) : problem(p), query_offsets{0} {
    int64_t key = 0;
    for (size_t s = 0; s < p.queries.size(); ++s) {
      query_offsets.push_back(query_offsets.back() + p.queries[s]);
      const Shared shared = p.shared.empty() ? Shared() : p.shared[s];
      shared_begins.push_back(shared.begin);
      shared_counts.push_back(shared.count);
      key_begins.push_back(key);
      key += p.keys[s];
    }
    q = random_values(p.query_rows() * p.heads * p.head_width, seed);
    for (float& value : q) value *= spread;
    k = random_values(p.key_rows() * p.kv_heads * p.head_width, seed + 1);
    v = random_values(p.key_rows() * p.kv_heads * p.head_width, seed + 2);
    dy = random_values(static_cast<int64_t>(q.size()), seed + 3);
  }
  DndCausalAttention shape() const {
    return {static_cast<int64_t>(problem.queries.size()),
            query_offsets.data(),
            shared_begins.data(),
            shared_counts.data(),
            key_begins.data(),
            problem.keys.data(),
            problem.heads,
            problem.kv_heads,
            problem.head_width,
            problem.window};
  }
};

struct Result {
  std::vector<float> y, log_sums;
};

Result attended(const Operands& o, int threads = 2) {
  ThreadPool pool(threads);
  Result result = {std::vector<float>(o.q.size(), NAN),
                   std::vector<float>(o.problem.query_rows() * o.problem.heads, NAN)};
  causal_attention(pool, Control(), o.shape(), o.q.data(), o.k.data(), o.v.data(), result.y.data(),
                   result.log_sums.data());
  return result;
}

struct Naive {
  std::vector<double> y, log_sums, dq, dk, dv;
};

/// Every pair of query and key by itself, in double.
Naive naive(const Operands& o) {
  const Problem& p = o.problem;
  Naive n = {std::vector<double>(o.q.size()), std::vector<double>(p.query_rows() * p.heads),
             std::vector<double>(o.q.size()), std::vector<double>(o.k.size()), std::vector<double>(o.v.size())};
  const double scale = 1 / std::sqrt(static_cast<double>(p.head_width));
  for (size_t s = 0; s < p.queries.size(); ++s) {
    for (int64_t i = 0; i < p.queries[s]; ++i) {
      const int64_t shared = o.shared_counts[s], position = shared + p.keys[s] - p.queries[s] + i;
      for (int64_t head = 0; head < p.heads; ++head) {
        const int64_t query = ((o.query_offsets[s] + i) * p.heads + head) * p.head_width;
        const auto key = [&](int64_t j) {
          const int64_t row = j < shared ? o.shared_begins[s] + j : o.key_begins[s] + j - shared;
          return (row * p.kv_heads + head * p.kv_heads / p.heads) * p.head_width;
        };
        std::vector<double> weights(position + 1);
        double sum = 0;
        for (int64_t j = 0; j <= position; ++j) {
          if (p.window > 0 && j <= position - p.window) continue;
          double score = 0;
          for (int64_t c = 0; c < p.head_width; ++c) score += static_cast<double>(o.q[query + c]) * o.k[key(j) + c];
          sum += weights[j] = std::exp(score * scale);
        }
        n.log_sums[query / p.head_width] = std::log(sum);
        double product = 0;
        for (int64_t j = 0; j <= position; ++j) {
          weights[j] /= sum;
          for (int64_t c = 0; c < p.head_width; ++c) {
            n.y[query + c] += weights[j] * o.v[key(j) + c];
            product += weights[j] * o.v[key(j) + c] * o.dy[query + c];
          }
        }
        for (int64_t j = 0; j <= position; ++j) {
          double value = 0;
          for (int64_t c = 0; c < p.head_width; ++c) value += static_cast<double>(o.v[key(j) + c]) * o.dy[query + c];
          const double ds = weights[j] * (value - product) * scale;
          for (int64_t c = 0; c < p.head_width; ++c) {
            n.dq[query + c] += ds * o.k[key(j) + c];
            n.dk[key(j) + c] += ds * o.q[query + c];
            n.dv[key(j) + c] += weights[j] * o.dy[query + c];
          }
        }
      }
    }
  }
  return n;
}

struct Gradient {
  std::vector<float> dq, dk, dv;
  bool operator==(const Gradient&) const = default;
};

Gradient gradient(const Operands& o, int threads = 2) {
  ThreadPool pool(threads);
  const Result forward = attended(o, threads);
  Gradient g = {std::vector<float>(o.q.size(), NAN), std::vector<float>(o.k.size(), NAN),
                std::vector<float>(o.v.size(), NAN)};
  const int64_t width = o.problem.kv_heads * o.problem.head_width;
  std::vector<float> shared(static_cast<size_t>(2 * Problem::sum(o.shared_counts) * width), NAN);
  causal_attention_gradient(pool, Control(), o.shape(), o.q.data(), o.k.data(), o.v.data(), forward.y.data(),
                            forward.log_sums.data(), o.dy.data(), shared.empty() ? nullptr : shared.data(),
                            g.dq.data(), g.dk.data(), g.dv.data());
  return g;
}

const std::vector<Problem> kTraining = {
    {{1}, {1}, 1, 1, 2, 0},           {{5, 1, 17}, {5, 1, 17}, 4, 2, 6, 0}, {{40, 33}, {40, 33}, 9, 3, 64, 0},
    {{70, 3}, {70, 3}, 3, 1, 10, 8},  {{130}, {130}, 2, 2, 24, 1},          {{0, 9, 0, 64}, {0, 9, 0, 64}, 4, 4, 8, 16},
    {{100}, {100}, 6, 2, 16, 1000},
};

/// Sequences that begin with rows of others: all of these, some of them, with windows that end before, in and behind them.
std::vector<Problem> sharing_problems() {
  const std::vector<int64_t> queries = {6, 3, 1, 40, 5, 2};
  const std::vector<Shared> shared = {{}, {0, 6}, {0, 6}, {0, 6}, {}, {50, 3}};
  std::vector<Problem> problems;
  for (const int64_t window : {0, 2, 4, 20}) {
    problems.push_back({queries, queries, 4, 2, 6, window, shared});
    problems.push_back({queries, queries, 9, 3, 64, window, shared});
  }
  return problems;
}

TEST(CausalAttention, agrees_with_double_for_any_heads_windows_and_lengths) {
  for (const Problem& problem : kTraining) {
    const Operands operands(problem);
    const Result result = attended(operands);
    const Naive expected = naive(operands);
    EXPECT_LE(relative_error(result.y, expected.y), 1e-6);
    EXPECT_LE(relative_error(result.log_sums, expected.log_sums), 1e-6);
  }
}

TEST(CausalAttention, continues_sequences_whose_earlier_keys_are_cached) {
  for (const Problem& problem : {Problem{{1, 1, 3}, {1, 77, 20}, 9, 3, 64, 0}, Problem{{2, 1}, {40, 9}, 2, 1, 6, 8}}) {
    const Operands operands(problem);
    EXPECT_LE(relative_error(attended(operands).y, naive(operands).y), 1e-6);
  }
}

TEST(CausalAttention, of_shared_keys_is_that_of_copies_of_them) {
  for (const Problem& problem : sharing_problems()) {
    const Operands operands(problem);
    const Result result = attended(operands);
    EXPECT_LE(relative_error(result.y, naive(operands).y), 1e-6);
    Problem copying = problem;
    copying.shared.clear();
    for (size_t s = 0; s < problem.keys.size(); ++s) copying.keys[s] += problem.shared[s].count;
    Operands copies(copying);
    copies.q = operands.q;
    const int64_t width = problem.kv_heads * problem.head_width;
    const auto copy = [&](int64_t from, int64_t count, int64_t to) {
      std::copy_n(operands.k.begin() + from * width, count * width, copies.k.begin() + to * width);
      std::copy_n(operands.v.begin() + from * width, count * width, copies.v.begin() + to * width);
    };
    for (size_t s = 0; s < problem.keys.size(); ++s) {
      copy(problem.shared[s].begin, problem.shared[s].count, copies.key_begins[s]);
      copy(operands.key_begins[s], problem.keys[s], copies.key_begins[s] + problem.shared[s].count);
    }
    const Result wanted = attended(copies);
    EXPECT_EQ(result.y, wanted.y);
    EXPECT_EQ(result.log_sums, wanted.log_sums);
  }
}

TEST(CausalAttention, gradient_of_shared_keys_is_that_of_all_sequences) {
  for (const Problem& problem : sharing_problems()) {
    const Operands operands(problem);
    const Gradient result = gradient(operands);
    const Naive expected = naive(operands);
    EXPECT_LE(relative_error(result.dq, expected.dq), 2e-6);
    EXPECT_LE(relative_error(result.dk, expected.dk), 2e-6);
    EXPECT_LE(relative_error(result.dv, expected.dv), 2e-6);
    for (const int threads : {1, 3, 8}) EXPECT_TRUE(gradient(operands, threads) == result);
  }
}

TEST(CausalAttention, handles_scores_whose_exponential_would_overflow) {
  const Operands operands({{50}, {50}, 2, 1, 8, 0}, 5, 60);
  for (const float value : attended(operands).y) EXPECT_LE(std::abs(value), 1.0f);
}

TEST(CausalAttention, gives_the_same_bytes_for_any_number_of_threads) {
  const Operands operands({{100, 7, 1}, {100, 7, 1}, 6, 2, 20, 0});
  const Result one = attended(operands, 1);
  const Gradient one_gradient = gradient(operands, 1);
  for (const int threads : {2, 3, 8}) {
    EXPECT_EQ(attended(operands, threads).y, one.y);
    EXPECT_TRUE(gradient(operands, threads) == one_gradient);
  }
}

TEST(CausalAttention, of_a_query_does_not_depend_on_other_sequences_or_later_queries) {
  const Operands whole({{3, 40}, {3, 40}, 4, 2, 12, 0});
  Operands alone({{30}, {30}, 4, 2, 12, 0});
  std::copy_n(whole.q.begin() + 3 * 48, alone.q.size(), alone.q.begin());
  std::copy_n(whole.k.begin() + 3 * 24, alone.k.size(), alone.k.begin());
  std::copy_n(whole.v.begin() + 3 * 24, alone.v.size(), alone.v.begin());
  const std::vector<float> all = attended(whole).y, own = attended(alone).y;
  EXPECT_EQ(std::vector<float>(all.begin() + 3 * 48, all.begin() + 33 * 48), own);
}

TEST(CausalAttention, gradient_agrees_with_double) {
  for (const Problem& problem : kTraining) {
    const Operands operands(problem);
    const Gradient result = gradient(operands);
    const Naive expected = naive(operands);
    EXPECT_LE(relative_error(result.dv, expected.dv), 2e-6);
    if (problem.keys[0] == 1 || problem.window == 1) {  // a softmax over one key: the scores do not matter
      for (const float value : result.dq) EXPECT_NEAR(value, 0, 1e-6);
      continue;
    }
    EXPECT_LE(relative_error(result.dq, expected.dq), 2e-6);
    EXPECT_LE(relative_error(result.dk, expected.dk), 2e-6);
  }
}

TEST(CausalAttention, stops_when_cancelled) {
  test::CountedControl counted;
  counted.cancel_after = 1;
  const Operands o({{100}, {100}, 6, 2, 20, 0});
  ThreadPool pool(1);
  std::vector<float> y(o.q.size());
  EXPECT_THROW(causal_attention(pool, Control(&counted.control), o.shape(), o.q.data(), o.k.data(), o.v.data(),
                                y.data(), nullptr),
               Error);
}

}  // namespace
}  // namespace dnd::cpu
