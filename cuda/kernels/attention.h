#pragma once

#include <cstdint>

#include "backend.h"
#include "cuda/runtime/runtime.h"

/// softmax(q·kᵀ/√head_width + mask) · v of ragged sequences: `attention` of native/backend.h. Scores are never stored:
/// the softmax goes along with the keys, 64 at a time.
namespace dnd::cuda {

/// qkv [rows, 3, heads, head_width], mask int32 [rows], offsets int64 [sequences + 1], y [rows, heads · head_width],
/// all on the device. `longest` sequence's number of rows.
struct AttentionArguments {
  const float* qkv;
  const int32_t* mask;
  const int64_t* offsets;
  int64_t sequences, longest, heads, head_width;
  float* y;
};

/// kDndMixed, head_width ≤ 128: q, k, v and the softmax's numerators are rounded to halves, sums are of floats;
/// otherwise everything is float32. A sequence's result depends on that sequence alone.
void launch_attention(runtime::Stream stream, DndPrecision precision, const AttentionArguments& arguments);
void launch_attention_naive(runtime::Stream stream, const AttentionArguments& arguments);

}  // namespace dnd::cuda
