#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "backend_language.h"
#include "model/device.h"

/// The operations of backend_language.h as their comments say, in double precision and one thread, in host memory: what
/// models are tested on without the CPU's kernels.
namespace dnd::test::naive {

/// Of a model in float32.
inline const float* floats(DndWeight weight) { return static_cast<const float*>(weight.values); }

inline DndStatus embed_tokens(void*, const DndControl*, const int32_t* ids, int64_t rows, DndWeight table,
                              int64_t columns, float* y) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(floats(table) + ids[r] * columns, columns, y + r * columns);
  return kDndOk;
}

inline DndStatus embed_tokens_gradient(void*, const DndControl*, const int32_t* ids, const float* dy, int64_t rows,
                                       int64_t vocabulary, int64_t columns, int32_t accumulate, float* dtable) {
  if (accumulate == 0) std::fill_n(dtable, vocabulary * columns, 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) dtable[ids[r] * columns + c] += dy[r * columns + c];
  }
  return kDndOk;
}

inline double inverse_root_mean(const float* x, int64_t columns, float eps) {
  double squares = 0;
  for (int64_t c = 0; c < columns; ++c) squares += double(x[c]) * x[c];
  return 1 / std::sqrt(squares / double(columns) + double(eps));
}

inline DndStatus rms_norm(void*, const DndControl*, const float* x, int64_t rows, int64_t columns, const float* weight,
                          float eps, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    const double scale = inverse_root_mean(x, columns, eps);
    for (int64_t c = 0; c < columns; ++c) y[c] = float(x[c] * scale * weight[c]);
  }
  return kDndOk;
}

inline DndStatus rms_norm_gradient(void*, const DndControl*, const float* x, const float* weight, float eps,
                                   const float* dy, const float* addend, int64_t rows, int64_t columns,
                                   int32_t accumulate, float* dx, float* dweight) {
  if (dweight != nullptr && accumulate == 0) std::fill_n(dweight, columns, 0.0f);
  std::vector<double> row(static_cast<size_t>(columns));
  for (int64_t r = 0; r < rows; ++r, x += columns, dy += columns, dx += columns) {
    const double scale = inverse_root_mean(x, columns, eps);
    double product = 0;
    for (int64_t c = 0; c < columns; ++c) product += double(dy[c]) * weight[c] * x[c];
    for (int64_t c = 0; c < columns; ++c) {
      if (dweight != nullptr) dweight[c] += float(dy[c] * x[c] * scale);
      row[size_t(c)] = scale * (double(dy[c]) * weight[c] - x[c] * product * scale * scale / double(columns));
    }
    for (int64_t c = 0; c < columns; ++c) {
      dx[c] = float(row[size_t(c)] + (addend != nullptr ? addend[r * columns + c] : 0.0f));
    }
  }
  return kDndOk;
}

inline DndStatus rotate(void*, const DndControl*, const int32_t* positions, int64_t rows, int64_t heads,
                        int64_t head_width, const float* table, int32_t inverse, float* x) {
  const int64_t half = head_width / 2;
  for (int64_t r = 0; r < rows; ++r) {
    const float *cosines = table + positions[r] * head_width, *sines = cosines + half;
    for (int64_t h = 0; h < heads; ++h, x += head_width) {
      for (int64_t i = 0; i < half; ++i) {
        const float a = x[i], b = x[i + half], sine = inverse != 0 ? -sines[i] : sines[i];
        x[i] = a * cosines[i] - b * sine;
        x[i + half] = b * cosines[i] + a * sine;
      }
    }
  }
  return kDndOk;
}

/// For each query and head: `visit(query row, head, rows of its keys)`.
template <typename Visit>
void each_query(const DndCausalAttention& a, const Visit& visit) {
  for (int64_t s = 0; s < a.sequences; ++s) {
    const int64_t begin = a.query_offsets[s], count = a.query_offsets[s + 1] - begin;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t shared = a.shared_counts[s], position = shared + a.key_counts[s] - count + i;
      std::vector<int64_t> keys;
      for (int64_t j = a.window > 0 ? std::max<int64_t>(0, position - a.window + 1) : 0; j <= position; ++j) {
        keys.push_back(j < shared ? a.shared_begins[s] + j : a.key_begins[s] + j - shared);
      }
      for (int64_t h = 0; h < a.heads; ++h) visit(begin + i, h, keys);
    }
  }
}

inline std::vector<double> scores(const DndCausalAttention& a, const float* q, const float* k, int64_t row, int64_t head,
                                  const std::vector<int64_t>& keys) {
  const int64_t width = a.head_width, kv_head = head / (a.heads / a.kv_heads);
  std::vector<double> s;
  for (const int64_t key : keys) {
    double sum = 0;
    for (int64_t c = 0; c < width; ++c) {
      sum += double(q[(row * a.heads + head) * width + c]) * k[(key * a.kv_heads + kv_head) * width + c];
    }
    s.push_back(sum / std::sqrt(double(width)));
  }
  return s;
}

inline DndStatus causal_attention(void*, const DndControl*, const DndCausalAttention* attention, const float* q,
                                  const float* k, const float* v, float* y, float* log_sums) {
  const DndCausalAttention& a = *attention;
  const int64_t width = a.head_width;
  each_query(a, [&](int64_t row, int64_t head, const std::vector<int64_t>& keys) {
    const std::vector<double> s = scores(a, q, k, row, head, keys);
    const double largest = *std::max_element(s.begin(), s.end());
    double total = 0;
    for (const double score : s) total += std::exp(score - largest);
    if (log_sums != nullptr) log_sums[row * a.heads + head] = float(largest + std::log(total));
    for (int64_t c = 0; c < width; ++c) {
      double sum = 0;
      for (size_t j = 0; j < keys.size(); ++j) {
        sum += std::exp(s[j] - largest) / total * v[(keys[j] * a.kv_heads + head / (a.heads / a.kv_heads)) * width + c];
      }
      y[(row * a.heads + head) * width + c] = float(sum);
    }
  });
  return kDndOk;
}

inline DndStatus causal_attention_gradient(void*, const DndControl*, const DndCausalAttention* attention, const float* q,
                                           const float* k, const float* v, const float*, const float* log_sums,
                                           const float* dy, float*, float* dq, float* dk, float* dv) {
  const DndCausalAttention& a = *attention;
  const int64_t width = a.head_width, rows = a.query_offsets[a.sequences];
  std::fill_n(dq, rows * a.heads * width, 0.0f);
  std::fill_n(dk, rows * a.kv_heads * width, 0.0f);
  std::fill_n(dv, rows * a.kv_heads * width, 0.0f);
  each_query(a, [&](int64_t row, int64_t head, const std::vector<int64_t>& keys) {
    const std::vector<double> s = scores(a, q, k, row, head, keys);
    const int64_t query = (row * a.heads + head) * width;
    const auto place = [&](size_t j) { return (keys[j] * a.kv_heads + head / (a.heads / a.kv_heads)) * width; };
    std::vector<double> p(s.size()), dp(s.size());
    double mean = 0;
    for (size_t j = 0; j < keys.size(); ++j) {
      p[j] = std::exp(s[j] - log_sums[row * a.heads + head]);
      for (int64_t c = 0; c < width; ++c) dp[j] += double(dy[query + c]) * v[place(j) + c];
      mean += p[j] * dp[j];
    }
    for (size_t j = 0; j < keys.size(); ++j) {
      const double ds = p[j] * (dp[j] - mean) / std::sqrt(double(width));
      for (int64_t c = 0; c < width; ++c) {
        dv[place(j) + c] += float(p[j] * dy[query + c]);
        dq[query + c] += float(ds * k[place(j) + c]);
        dk[place(j) + c] += float(ds * q[query + c]);
      }
    }
  });
  return kDndOk;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

inline DndStatus swiglu(void*, const DndControl*, const float* gate, const float* up, int64_t elements, float* y) {
  for (int64_t i = 0; i < elements; ++i) y[i] = float(gate[i] * sigmoid(gate[i]) * up[i]);
  return kDndOk;
}

inline DndStatus swiglu_gradient(void*, const DndControl*, const float* gate, const float* up, const float* dy,
                                 int64_t elements, float* dgate, float* dup) {
  for (int64_t i = 0; i < elements; ++i) {
    const double g = gate[i], u = up[i], d = dy[i], s = sigmoid(g);
    dgate[i] = float(d * u * s * (1 + g * (1 - s)));
    dup[i] = float(d * g * s);
  }
  return kDndOk;
}

inline DndStatus linear_few_rows(void*, const DndControl*, const float* x, int64_t rows, int64_t in, DndWeight weight,
                                 const float* bias, int64_t out, const float* residual, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = bias != nullptr ? bias[o] : 0;
      for (int64_t i = 0; i < in; ++i) sum += double(x[r * in + i]) * floats(weight)[o * in + i];
      y[r * out + o] = float(sum + (residual != nullptr ? residual[r * out + o] : 0.0f));
    }
  }
  return kDndOk;
}

inline DndStatus linear_input_gradient(void*, const DndControl*, const float* dy, int64_t rows, int64_t in, int64_t out,
                                       DndWeight weight, const float* addend, float* dx) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < in; ++i) {
      double sum = addend != nullptr ? addend[r * in + i] : 0;
      for (int64_t o = 0; o < out; ++o) sum += double(dy[r * out + o]) * floats(weight)[o * in + i];
      dx[r * in + i] = float(sum);
    }
  }
  return kDndOk;
}

/// c[m, n] += factor · Σ a[m · am + k · ak] · b[k · bk + n · bn]
inline void multiply(int64_t m, int64_t n, int64_t k, double factor, const float* a, int64_t am, int64_t ak,
                     const float* b, int64_t bk, int64_t bn, float* c) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) sum += double(a[i * am + l * ak]) * b[l * bk + j * bn];
      c[i * n + j] += float(factor * sum);
    }
  }
}

inline DndStatus low_rank(void*, const DndControl*, const DndLowRank* product, const float* x, float* t, float* y) {
  const auto [in, out, rank, scale, count, groups] = *product;
  for (int64_t g = 0; g < count; ++g) {
    const DndLowRankGroup& group = groups[g];
    float* const rows_of_t = t + group.first_row * rank;
    std::fill_n(rows_of_t, group.rows * rank, 0.0f);
    multiply(group.rows, rank, in, scale, x + group.first_row * in, in, 1, group.a, 1, in, rows_of_t);
    multiply(group.rows, out, rank, 1, rows_of_t, rank, 1, group.b, 1, rank, y + group.first_row * out);
  }
  return kDndOk;
}

inline DndStatus low_rank_gradient(void*, const DndControl*, const DndLowRank* product, const float* x, const float* t,
                                   const float* dy, int32_t accumulate, float* dt, float* dx) {
  const auto [in, out, rank, scale, count, groups] = *product;
  for (int64_t g = 0; g < count; ++g) {
    const DndLowRankGroup& group = groups[g];
    const float *group_dy = dy + group.first_row * out, *group_x = x + group.first_row * in;
    float* const group_dt = dt + group.first_row * rank;
    if (accumulate == 0) {
      std::fill_n(group.b_gradient, out * rank, 0.0f);
      std::fill_n(group.a_gradient, rank * in, 0.0f);
    }
    multiply(out, rank, group.rows, 1, group_dy, 1, out, t + group.first_row * rank, rank, 1, group.b_gradient);
    std::fill_n(group_dt, group.rows * rank, 0.0f);
    multiply(group.rows, rank, out, scale, group_dy, out, 1, group.b, rank, 1, group_dt);
    multiply(rank, in, group.rows, 1, group_dt, 1, rank, group_x, in, 1, group.a_gradient);
    if (dx != nullptr) {
      multiply(group.rows, in, rank, 1, group_dt, rank, 1, group.a, in, 1, dx + group.first_row * in);
    }
  }
  return kDndOk;
}

inline DndStatus gather_rows(void*, const DndControl*, const float* x, const int32_t* index, int64_t rows,
                             int64_t columns, float* y) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(x + index[r] * columns, columns, y + r * columns);
  return kDndOk;
}

inline DndStatus scatter_rows(void*, const DndControl*, const float* x, const int32_t* index, int64_t rows,
                              int64_t columns, int64_t zeroed_rows, float* y) {
  std::fill_n(y, zeroed_rows * columns, 0.0f);
  for (int64_t r = 0; r < rows; ++r) std::copy_n(x + r * columns, columns, y + index[r] * columns);
  return kDndOk;
}

inline DndStatus cross_entropy(void*, const DndControl*, const float* logits, const int32_t* labels, int64_t rows,
                               int64_t vocabulary, double weight, float* dlogits, double* losses, int32_t* predictions) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* const row = logits + r * vocabulary;
    const double largest = *std::max_element(row, row + vocabulary);
    double total = 0;
    for (int64_t c = 0; c < vocabulary; ++c) total += std::exp(row[c] - largest);
    losses[r] = largest + std::log(total) - row[labels[r]];
    if (predictions != nullptr) predictions[r] = int32_t(std::max_element(row, row + vocabulary) - row);
    for (int64_t c = 0; dlogits != nullptr && c < vocabulary; ++c) {
      const double p = std::exp(row[c] - largest) / total;
      dlogits[r * vocabulary + c] = float(weight * (p - (c == labels[r] ? 1 : 0)));
    }
  }
  return kDndOk;
}

/// softmax(row) in double
inline std::vector<double> probabilities(const float* row, int64_t vocabulary) {
  const double largest = *std::max_element(row, row + vocabulary);
  std::vector<double> p(row, row + vocabulary);
  double total = 0;
  for (double& value : p) total += value = std::exp(value - largest);
  for (double& value : p) value /= total;
  return p;
}

inline DndStatus kl_divergence(void*, const DndControl*, float* targets, float* logits, int64_t rows,
                               int64_t vocabulary, double weight, double* losses) {
  for (int64_t r = 0; r < rows; ++r) {
    const std::vector<double> p = probabilities(targets + r * vocabulary, vocabulary);
    const std::vector<double> q = probabilities(logits + r * vocabulary, vocabulary);
    losses[r] = 0;
    for (size_t c = 0; c < p.size(); ++c) {
      losses[r] += p[c] * std::log(p[c] / q[c]);
      logits[r * vocabulary + int64_t(c)] = float(weight * (q[c] - p[c]));
    }
  }
  return kDndOk;
}

inline DndStatus upload_linear_gradient(void*, DndWeight, int64_t, int64_t) { return kDndOk; }

inline constexpr DndLanguageOperations kOperations = {
    embed_tokens, embed_tokens_gradient, rms_norm,      rms_norm_gradient,
    rotate,       causal_attention,      causal_attention_gradient,
    swiglu,       swiglu_gradient,       linear_few_rows, upload_linear_gradient, linear_input_gradient,
    low_rank,     low_rank_gradient,     gather_rows,   scatter_rows, cross_entropy,
    kl_divergence,
};

}  // namespace dnd::test::naive
