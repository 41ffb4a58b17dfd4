#pragma once

#include <algorithm>
#include <cmath>

#include "backend_language.h"
#include "core/range.h"

namespace dnd::cpu {

/// Which keys a query attends to, and where they are. Keys are named by their positions in their sequence.
class AttentionRows {
 public:
  explicit AttentionRows(const DndCausalAttention& shape) : shape_(shape) {}

  /// For a query of the sequence by its row.
  Range keys_of(int64_t sequence, int64_t query) const {
    const int64_t after = shape_.query_offsets[sequence + 1] - query;  // 1 for the last query
    const int64_t position = keys(sequence) - after;
    const int64_t first = shape_.window > 0 ? std::max<int64_t>(0, position - shape_.window + 1) : 0;
    return {first, position + 1};
  }

  /// `visit(row, run)` for the keys in ascending runs whose rows of k and v are consecutive, from `row` on.
  template <typename Visit>
  void each_run(int64_t sequence, Range keys, const Visit& visit) const {
    const int64_t shared = shape_.shared_counts[sequence];
    if (keys.begin < shared) {
      visit(shape_.shared_begins[sequence] + keys.begin, Range{keys.begin, std::min(keys.end, shared)});
    }
    if (keys.end > shared) {
      const int64_t first = std::max(keys.begin, shared);
      visit(shape_.key_begins[sequence] + first - shared, Range{first, keys.end});
    }
  }

  /// The first element of a row of k or v for a query's head.
  template <typename Value>
  Value* key(Value* values, int64_t row, int64_t head) const {
    return values + (row * shape_.kv_heads + head / (shape_.heads / shape_.kv_heads)) * shape_.head_width;
  }
  int64_t key_stride() const { return shape_.kv_heads * shape_.head_width; }

  float scale() const { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape_.head_width))); }

  int64_t longest_keys() const {
    int64_t longest = 0;
    for (int64_t sequence = 0; sequence < shape_.sequences; ++sequence) longest = std::max(longest, keys(sequence));
    return longest;
  }

 private:
  int64_t keys(int64_t sequence) const { return shape_.shared_counts[sequence] + shape_.key_counts[sequence]; }

  const DndCausalAttention& shape_;
};

}  // namespace dnd::cpu
