#include <algorithm>
#include <cmath>

#include "core/integers.h"
#include "core/memory.h"
#include "cpu/layers/attention_head.h"
#include "cpu/layers/layers.h"

namespace dnd::cpu {

namespace {

/// The rows of all heads and sequences.
struct Operands {
  const float *query, *key, *value;
  int64_t query_stride, key_stride;
  const int32_t* mask;  ///< of keys; null: all are real
  const int64_t *offsets, *key_offsets;
};

void attend(ThreadPool& pool, const Control& control, const Operands& x, int64_t sequences, int64_t longest,
            int64_t heads, int64_t head_width, float* y) {
  if (longest == 0) return;
  // Heads are cut only where there are too few of them for the threads: each piece gathers the keys again.
  const int64_t wanted_pieces = divide_up(4 * pool.threads(), sequences * heads);
  const int64_t pieces = std::min(wanted_pieces, divide_up(longest, AttentionHead::panel_queries()));
  const int64_t scratch_floats = round_up(AttentionHead::scratch_floats(longest, head_width), 16);
  const Memory scratch(pool.threads() * scratch_floats * sizeof(float));

  pool.parallel_for(sequences * heads * pieces, [&](int64_t task, int thread) {
    control.throw_if_cancelled();
    const int64_t sequence = task / pieces / heads;
    const int64_t begin = x.offsets[sequence], end = x.offsets[sequence + 1];
    const int64_t panel = AttentionHead::panel_queries(), panels = divide_up(end - begin, panel);
    const int64_t query_begin = begin + part_begin(panels, pieces, task % pieces) * panel;
    const int64_t query_end = std::min(end, begin + part_begin(panels, pieces, task % pieces + 1) * panel);
    if (query_begin >= query_end) return;

    const int64_t place = task / pieces % heads * head_width;
    const int64_t key_begin = x.key_offsets[sequence], key_end = x.key_offsets[sequence + 1];
    const AttentionHead::Rows rows = {x.query + place, x.key + place, x.value + place, x.query_stride, x.key_stride};
    AttentionHead head(rows, head_width, 1.0f / std::sqrt(static_cast<float>(head_width)), y + place, heads * head_width);
    head.gather(x.mask, key_begin, key_end, scratch.floats() + thread * scratch_floats);
    if (head.keys() == 0) {
      head.attend_uniformly(key_begin, key_end, query_begin, query_end);
    } else {
      for (int64_t query = query_begin; query < query_end; query += panel) {
        head.attend(query, std::min(panel, query_end - query));
      }
    }
    control.advance(2.0 * static_cast<double>(query_end - query_begin) * (end - begin) * head_width);
  });
}

}  // namespace

void attention(ThreadPool& pool, const Control& control, const float* qkv, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y) {
  const int64_t width = heads * head_width;
  const Operands operands = {qkv, qkv + width, qkv + 2 * width, 3 * width, 3 * width, mask, offsets, offsets};
  attend(pool, control, operands, sequences, longest, heads, head_width, y);
}

void gathered_attention(ThreadPool& pool, const Control& control, const DndGatheredAttention& shape, const float* q,
                        const float* kv, float* y) {
  const int64_t width = shape.heads * shape.head_width;
  const Operands operands = {q, kv, kv + width, width, 2 * width, nullptr, shape.offsets, shape.key_offsets};
  attend(pool, control, operands, shape.sequences, shape.longest, shape.heads, shape.head_width, y);
}

}  // namespace dnd::cpu
