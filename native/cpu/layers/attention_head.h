#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/integers.h"
#include "cpu/isa/kernels.h"

namespace dnd::cpu {

/// One head of one sequence. Queries are in the lanes of vectors: scores are computed transposed, [keys, queries], so
/// that softmax and both products go down the rows of one panel of queries and no lane depends on another.
///
/// Padding keys are left out rather than masked: e^(lowest finite − largest) is exactly zero.
class AttentionHead {
 public:
  /// The rows of a head: `query_stride` floats from one to the next, and `key_stride` for keys and values.
  struct Rows {
    const float *query, *key, *value;
    int64_t query_stride, key_stride;
  };
  /// y: `y_stride` floats from row to row.
  AttentionHead(const Rows& rows, int64_t head_width, float scale, float* y, int64_t y_stride)
      : query_(rows.query),
        key_(rows.key),
        value_(rows.value),
        query_stride_(rows.query_stride),
        key_stride_(rows.key_stride),
        width_(head_width),
        y_(y),
        y_stride_(y_stride),
        scale_(scale) {}

  /// Floats of scratch for sequences of up to `longest` rows.
  static int64_t scratch_floats(int64_t longest, int64_t head_width) {
    return 2 * longest * head_width + (longest + 2 * head_width + 1) * panel_queries();
  }
  static int64_t panel_queries() { return kernels().lanes * kMaxTileVectors; }

  /// Gathers the keys and values of the rows [begin, end) that are real; mask null: all are.
  void gather(const int32_t* mask, int64_t begin, int64_t end, float* scratch) {
    const auto is_real = [mask](int64_t row) { return mask == nullptr || mask[row] != 0; };
    keys_ = 0;
    for (int64_t row = begin; row < end; ++row) keys_ += is_real(row);
    packed_keys_ = scratch;
    packed_values_ = packed_keys_ + keys_ * width_;
    panel_ = packed_values_ + keys_ * width_;
    int64_t key = 0;
    for (int64_t row = begin; row < end;) {
      if (!is_real(row)) {
        ++row;
        continue;
      }
      int64_t run_end = row;
      while (run_end < end && is_real(run_end)) ++run_end;
      kernels_.transpose(key_ + row * key_stride_, key_stride_, run_end - row, width_, nullptr, 1.0f,
                         packed_keys_ + key, keys_, run_end - row);
      for (; row < run_end; ++row, ++key) {
        std::copy_n(value_ + row * key_stride_, width_, packed_values_ + key * width_);
      }
    }
  }

  /// No real key: every score is the lowest finite number, so that the softmax is uniform over all rows.
  void attend_uniformly(int64_t begin, int64_t end, int64_t query_begin, int64_t query_end) const {
    std::vector<double> sums(width_);
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < width_; ++i) sums[i] += value_[row * key_stride_ + i];
    }
    for (int64_t i = 0; i < width_; ++i) {
      const float mean = static_cast<float>(sums[i] / static_cast<double>(end - begin));
      for (int64_t row = query_begin; row < query_end; ++row) y_[row * y_stride_ + i] = mean;
    }
  }

  int64_t keys() const { return keys_; }

  /// y of the queries [begin, begin + count), at most panel_queries() of them.
  void attend(int64_t begin, int64_t count) const {
    attend(begin, count, 0, keys_, [](float*) {});
  }

  /// The same over the gathered keys [first, end) alone, one at least, after `adjust(scores)` has changed their scores,
  /// [keys, panel_queries()]. Scores of the lowest finite number are left out, if there are others.
  template <typename Adjust>
  void attend(int64_t begin, int64_t count, int64_t first, int64_t end, const Adjust& adjust) const {
    const int64_t queries = panel_queries(), keys = end - first;
    float* scores = panel_;
    float* panel_queries = scores + keys * queries;
    float* outputs = panel_queries + width_ * queries;
    float* sums = outputs + width_ * queries;

    kernels_.transpose(query_ + begin * query_stride_, query_stride_, count, width_, nullptr, scale_, panel_queries,
                       queries, queries);
    multiply(keys, width_, packed_keys_ + first, keys_, panel_queries, scores);
    adjust(scores);
    kernels_.exponentiate_columns(scores, keys, sums);
    multiply(width_, keys, packed_values_ + first * width_, width_, scores, outputs);
    for (int64_t query = 0; query < count; ++query) sums[query] = 1.0f / sums[query];
    for (int64_t i = 0; i < width_; ++i) {
      for (int64_t query = 0; query < count; ++query) outputs[i * queries + query] *= sums[query];
    }
    kernels_.transpose(outputs, queries, width_, count, nullptr, 1.0f, y_ + begin * y_stride_, y_stride_, width_);
  }

 private:
  /// c[rows, panel] = aᵀ · b for a [depth, rows] (row stride a_stride), b [depth, panel].
  void multiply(int64_t rows, int64_t depth, const float* a, int64_t a_stride, const float* b, float* c) const {
    const int64_t panel = panel_queries(), tiles = divide_up(rows, kernels_.tile_rows);
    for (int64_t tile = 0; tile < tiles; ++tile) {  // of almost equal heights: a low one would wait for its own sums
      const int64_t row = part_begin(rows, tiles, tile);
      const int64_t height = part_begin(rows, tiles, tile + 1) - row;
      kernels_.tile[height - 1][kMaxTileVectors - 1](depth, a + row, a_stride, b, panel, c + row * panel, panel, false);
    }
  }

  const float *query_, *key_, *value_;
  int64_t query_stride_, key_stride_, width_;
  float* y_;
  int64_t y_stride_;
  float scale_;
  const Kernels& kernels_ = kernels();

  int64_t keys_ = 0;
  float* packed_keys_ = nullptr;    ///< [width, keys]
  float* packed_values_ = nullptr;  ///< [keys, width]
  float* panel_ = nullptr;          ///< scores [keys, panel], queries and outputs [width, panel], sums [panel]
};

}  // namespace dnd::cpu
