#pragma once

#include <algorithm>
#include <cmath>

#include "backend_language.h"
#include "core/range.h"

namespace dnd::cpu {

/// Which keys a query attends to, and where they are.
class AttentionRows {
 public:
  explicit AttentionRows(const DndCausalAttention& shape) : shape_(shape) {}

  /// Rows of k and v, for a query of the sequence by its row.
  Range keys_of(int64_t sequence, int64_t query) const {
    const int64_t after = shape_.query_offsets[sequence + 1] - query;  // 1 for the last query
    const int64_t position = shape_.key_counts[sequence] - after;
    const int64_t first = shape_.window > 0 ? std::max<int64_t>(0, position - shape_.window + 1) : 0;
    return {shape_.key_begins[sequence] + first, shape_.key_begins[sequence] + position + 1};
  }

  /// The first element of a row of k or v for a query's head.
  template <typename Value>
  Value* key(Value* values, int64_t row, int64_t head) const {
    return values + (row * shape_.kv_heads + head / (shape_.heads / shape_.kv_heads)) * shape_.head_width;
  }
  int64_t key_stride() const { return shape_.kv_heads * shape_.head_width; }

  float scale() const { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape_.head_width))); }

  int64_t longest_keys() const {
    return shape_.sequences == 0 ? 0 : *std::max_element(shape_.key_counts, shape_.key_counts + shape_.sequences);
  }

 private:
  const DndCausalAttention& shape_;
};

}  // namespace dnd::cpu
