#include <algorithm>
#include <cmath>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/isa/kernels.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {
namespace {

/// One head of one sequence. Queries are in the lanes of vectors: scores are computed transposed, [keys, queries], so
/// that softmax and both products go down the rows of one panel of queries and no lane depends on another.
///
/// Padding keys are left out rather than masked: e^(lowest finite − largest) is exactly zero.
class Head {
 public:
  Head(const float* qkv, int64_t heads, int64_t head_width, int64_t head, float* y)
      : query_(qkv + head * head_width),
        key_(query_ + heads * head_width),
        value_(key_ + heads * head_width),
        row_stride_(3 * heads * head_width),
        width_(head_width),
        y_(y + head * head_width),
        y_stride_(heads * head_width) {}

  /// Floats of scratch for sequences of up to `longest` rows.
  static int64_t scratch_floats(int64_t longest, int64_t head_width) {
    return 2 * longest * head_width + (longest + 2 * head_width + 1) * panel_queries();
  }
  static int64_t panel_queries() { return kernels().lanes * kMaxTileVectors; }

  /// Gathers the keys and values of the rows [begin, end) that are real.
  void gather(const int32_t* mask, int64_t begin, int64_t end, float* scratch) {
    keys_ = 0;
    for (int64_t row = begin; row < end; ++row) keys_ += mask[row] != 0;
    packed_keys_ = scratch;
    packed_values_ = packed_keys_ + keys_ * width_;
    panel_ = packed_values_ + keys_ * width_;
    int64_t key = 0;
    for (int64_t row = begin; row < end;) {
      if (mask[row] == 0) {
        ++row;
        continue;
      }
      int64_t run_end = row;
      while (run_end < end && mask[run_end] != 0) ++run_end;
      kernels_.transpose(key_ + row * row_stride_, row_stride_, run_end - row, width_, nullptr, 1.0f,
                         packed_keys_ + key, keys_, run_end - row);
      for (; row < run_end; ++row, ++key) {
        std::copy_n(value_ + row * row_stride_, width_, packed_values_ + key * width_);
      }
    }
  }

  /// No real key: every score is the lowest finite number, so that the softmax is uniform over all rows.
  void attend_uniformly(int64_t begin, int64_t end, int64_t query_begin, int64_t query_end) const {
    std::vector<double> sums(width_);
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < width_; ++i) sums[i] += value_[row * row_stride_ + i];
    }
    for (int64_t i = 0; i < width_; ++i) {
      const float mean = static_cast<float>(sums[i] / static_cast<double>(end - begin));
      for (int64_t row = query_begin; row < query_end; ++row) y_[row * y_stride_ + i] = mean;
    }
  }

  int64_t keys() const { return keys_; }

  /// y of the queries [begin, begin + count), at most panel_queries() of them.
  void attend(int64_t begin, int64_t count) const {
    const int64_t queries = panel_queries();
    float* scores = panel_;
    float* panel_queries = scores + keys_ * queries;
    float* outputs = panel_queries + width_ * queries;
    float* sums = outputs + width_ * queries;

    kernels_.transpose(query_ + begin * row_stride_, row_stride_, count, width_, nullptr, scale_, panel_queries,
                       queries, queries);
    multiply(keys_, width_, packed_keys_, keys_, panel_queries, scores);
    kernels_.exponentiate_columns(scores, keys_, sums);
    multiply(width_, keys_, packed_values_, width_, scores, outputs);
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
  int64_t row_stride_, width_;
  float* y_;
  int64_t y_stride_;
  float scale_ = 1.0f / std::sqrt(static_cast<float>(width_));
  const Kernels& kernels_ = kernels();

  int64_t keys_ = 0;
  float* packed_keys_ = nullptr;    ///< [width, keys]
  float* packed_values_ = nullptr;  ///< [keys, width]
  float* panel_ = nullptr;          ///< scores [keys, panel], queries and outputs [width, panel], sums [panel]
};

}  // namespace

void attention(ThreadPool& pool, const Control& control, const float* qkv, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y) {
  if (longest == 0) return;
  // Heads are cut only where there are too few of them for the threads: each piece gathers the keys again.
  const int64_t wanted_pieces = divide_up(4 * pool.threads(), sequences * heads);
  const int64_t pieces = std::min(wanted_pieces, divide_up(longest, Head::panel_queries()));
  const int64_t scratch_floats = round_up(Head::scratch_floats(longest, head_width), 16);
  const Memory scratch(pool.threads() * scratch_floats * sizeof(float));

  pool.parallel_for(sequences * heads * pieces, [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const int64_t sequence = task / pieces / heads;
    const int64_t begin = offsets[sequence], end = offsets[sequence + 1];
    const int64_t panel = Head::panel_queries(), panels = divide_up(end - begin, panel);
    const int64_t query_begin = begin + part_begin(panels, pieces, task % pieces) * panel;
    const int64_t query_end = std::min(end, begin + part_begin(panels, pieces, task % pieces + 1) * panel);
    if (query_begin >= query_end) return;

    Head head(qkv, heads, head_width, task / pieces % heads, y);
    head.gather(mask, begin, end, scratch.floats() + thread * scratch_floats);
    if (head.keys() == 0) {
      head.attend_uniformly(begin, end, query_begin, query_end);
    } else {
      for (int64_t query = query_begin; query < query_end; query += panel) {
        head.attend(query, std::min(panel, query_end - query));
      }
    }
    control.advance(2.0 * static_cast<double>(query_end - query_begin) * (end - begin) * head_width);
  });
}

}  // namespace dnd::cpu
