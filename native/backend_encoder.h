#pragma once

#include "backend.h"

/// What a device implements to run text encoders beyond the BERT family, beside the operations of backend.h and
/// backend_language.h, whose rules hold here too: dense row-major float32 in device memory unless noted otherwise,
/// parameters by their host addresses, the same bytes for any number of threads.

extern "C" {

/// Attention in both directions whose scores depend on the distance between query and key. Sequences, mask and offsets
/// are those of `attention`; a query without any key, because all are padding or out of its window, attends uniformly to
/// all rows of its sequence.
struct DndRelativeAttention {
  int64_t sequences, longest;
  int64_t heads, head_width;
  int64_t stride;            ///< floats between two rows of q, k and v
  const int64_t* offsets;    ///< [sequences + 1], device memory, as the next two
  const int32_t* mask;       ///< [rows]
  const int32_t* positions;  ///< [rows], ascending within a sequence
  float scale;               ///< of q·k
  int64_t window;            ///< keys within this distance of the query are attended to; 0: all
  const float* bias;         ///< added to the scores: a parameter [buckets, heads], or null
  const int32_t* buckets;    ///< [2 · span + 1], device memory: row of `bias` for the distance key − query + span
  int64_t span;              ///< no two positions of a sequence are farther apart
};

/// Attention of all rows of a sequence to its real ones alone, whose keys and values lie by themselves: padding is
/// attended to by none, so that it needs no keys and values.
struct DndGatheredAttention {
  int64_t sequences, longest;
  int64_t heads, head_width;
  const int64_t* offsets;      ///< [sequences + 1] rows of q and y, device memory, as the next
  const int64_t* key_offsets;  ///< [sequences + 1] rows of kv: one at least for each sequence
};

struct DndEncoderOperations {
  /// y = softmax(scale · q·kᵀ + bias) · v, see DndRelativeAttention. q, k, v [rows, heads, head_width] with `stride`
  /// floats from row to row; y [rows, heads · head_width].
  DndStatus (*relative_attention)(void* device, const DndControl*, const DndRelativeAttention*, const float* q,
                                  const float* k, const float* v, float* y);
  /// y = a · b, element by element; y may be a or b.
  DndStatus (*multiply)(void* device, const DndControl*, const float* a, const float* b, int64_t elements, float* y);
  /// y = softmax(q·kᵀ/√head_width) · v, see DndGatheredAttention. q, y [rows, heads · head_width],
  /// kv [keys, 2, heads, head_width].
  DndStatus (*gathered_attention)(void* device, const DndControl*, const DndGatheredAttention*, const float* q,
                                  const float* kv, float* y);
};
}
