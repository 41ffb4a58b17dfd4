#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/layers/attention_head.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {
namespace {

constexpr float kLowest = std::numeric_limits<float>::lowest();

/// What one sequence adds to the scores of one head, and which keys its queries attend to.
class Distances {
 public:
  Distances(const DndRelativeAttention& shape, int64_t head, int64_t begin, int64_t end)
      : positions_(shape.positions), window_(shape.window), reach_(positions_[end - 1] - positions_[begin]) {
    for (int64_t row = begin; row < end; ++row) {
      if (shape.mask[row] != 0) keys_.push_back(positions_[row]);
    }
    if (shape.bias == nullptr) return;
    bias_.resize(static_cast<size_t>(2 * reach_ + 1));
    for (int64_t distance = -reach_; distance <= reach_; ++distance) {
      const int64_t bucket = shape.buckets[distance + shape.span];
      bias_[static_cast<size_t>(reach_ - distance)] = shape.bias[bucket * shape.heads + head];
    }
  }

  struct Keys {
    int64_t first, end;  ///< among the real keys of the sequence
  };
  /// That some of the queries [begin, begin + count) attend to.
  Keys keys_of(int64_t begin, int64_t count) const {
    if (window_ == 0) return {0, static_cast<int64_t>(keys_.size())};
    const auto first = std::lower_bound(keys_.begin(), keys_.end(), positions_[begin] - window_);
    const auto end = std::upper_bound(first, keys_.end(), positions_[begin + count - 1] + window_);
    return {first - keys_.begin(), end - keys_.begin()};
  }

  /// scores [keys, panel] of these queries and keys: + bias, and the lowest finite number out of the window.
  void adjust(float* scores, int64_t panel, int64_t begin, int64_t count, Keys keys) const {
    const int32_t* queries = positions_ + begin;
    const bool contiguous = queries[count - 1] - queries[0] == count - 1;
    for (int64_t key = keys.first; key < keys.end; ++key, scores += panel) {
      const int64_t position = keys_[static_cast<size_t>(key)];
      if (!bias_.empty()) {
        const int64_t shift = reach_ - position;
        if (contiguous) {
          const float* bias = bias_.data() + shift + queries[0];
          for (int64_t query = 0; query < count; ++query) scores[query] += bias[query];
        } else {
          for (int64_t query = 0; query < count; ++query) {
            scores[query] += bias_[static_cast<size_t>(shift + queries[query])];
          }
        }
      }
      if (window_ == 0) continue;
      for (int64_t query = 0; query < count; ++query) {
        const int64_t distance = position - queries[query];
        if (distance > window_ || distance < -window_) scores[query] = kLowest;
      }
    }
  }

 private:
  const int32_t* positions_;
  const int64_t window_, reach_;
  std::vector<int32_t> keys_;  ///< positions of the real keys
  std::vector<float> bias_;    ///< [query − key + reach], or empty
};

}  // namespace

void relative_attention(ThreadPool& pool, const Control& control, const DndRelativeAttention& shape, const float* q,
                        const float* k, const float* v, float* y) {
  const auto [sequences, longest, heads, head_width] =
      std::tuple(shape.sequences, shape.longest, shape.heads, shape.head_width);
  if (longest == 0) return;
  const int64_t panel = AttentionHead::panel_queries();
  const int64_t pieces = std::min(divide_up(4 * pool.threads(), sequences * heads), divide_up(longest, panel));
  const int64_t scratch_floats = round_up(AttentionHead::scratch_floats(longest, head_width), 16);
  const Memory scratch(pool.threads() * scratch_floats * sizeof(float));

  pool.parallel_for(sequences * heads * pieces, [&, heads = heads, head_width = head_width](int64_t task, int thread) {
    control.throw_if_cancelled();
    const int64_t sequence = task / pieces / heads, place = task / pieces % heads * head_width;
    const int64_t begin = shape.offsets[sequence], end = shape.offsets[sequence + 1];
    const int64_t panels = divide_up(end - begin, panel);
    const int64_t query_begin = begin + part_begin(panels, pieces, task % pieces) * panel;
    const int64_t query_end = std::min(end, begin + part_begin(panels, pieces, task % pieces + 1) * panel);
    if (query_begin >= query_end) return;

    const AttentionHead::Rows rows = {q + place, k + place, v + place, shape.stride, shape.stride};
    AttentionHead head(rows, head_width, shape.scale, y + place, heads * head_width);
    head.gather(shape.mask, begin, end, scratch.floats() + thread * scratch_floats);
    const Distances distances(shape, task / pieces % heads, begin, end);
    for (int64_t query = query_begin; query < query_end; query += panel) {
      const int64_t count = std::min(panel, query_end - query);
      const Distances::Keys keys = distances.keys_of(query, count);
      if (keys.first < keys.end) {
        head.attend(query, count, keys.first, keys.end,
                    [&](float* scores) { distances.adjust(scores, panel, query, count, keys); });
      }
      for (int64_t row = query; row < query + count; ++row) {
        const Distances::Keys own = distances.keys_of(row, 1);
        if (own.first == own.end) head.attend_uniformly(begin, end, row, row + 1);
      }
      control.advance(2.0 * static_cast<double>(count) * static_cast<double>(end - begin) *
                      static_cast<double>(head_width));
    }
  });
}

}  // namespace dnd::cpu
