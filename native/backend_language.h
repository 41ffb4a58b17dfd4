#pragma once

#include "backend.h"

/// What a device implements to run causal language models, beside the operations of backend.h and, for training,
/// backend_training.h, whose rules hold here too: dense row-major float32 in device memory unless noted otherwise,
/// parameters by their host addresses, the same bytes for any number of threads. Rows are tokens; sequences of any
/// lengths are concatenated, without padding, and a row's result does not depend on the other sequences.

extern "C" {

/// Which rows attend to which. The queries of sequence s are rows query_offsets[s] … query_offsets[s + 1]. Its keys and
/// values are rows shared_begins[s] … shared_begins[s] + shared_counts[s], which several sequences may have in common, and
/// then its own, rows key_begins[s] … key_begins[s] + key_counts[s]. The last query belongs to the last key: query i of n
/// has position p = shared_counts[s] + key_counts[s] − n + i among the keys and attends to keys max(0, p − window + 1) … p.
struct DndCausalAttention {
  int64_t sequences;
  const int64_t* query_offsets;  ///< [sequences + 1], ascending from 0; host memory, as the next four
  const int64_t* shared_begins;  ///< [sequences]
  const int64_t* shared_counts;  ///< [sequences]
  const int64_t* key_begins;     ///< [sequences]
  const int64_t* key_counts;     ///< [sequences]
  int64_t heads, kv_heads;       ///< query head h uses key–value head h / (heads / kv_heads)
  int64_t head_width;
  int64_t window;  ///< 0: none
};

/// Consecutive rows that share a LoRA adapter's matrices; host memory.
struct DndLowRankGroup {
  int64_t first_row, rows;  ///< rows may be 0: a gradient is then zero
  const float* a;     ///< [rank, in]
  const float* b;     ///< [out, rank]
  float* a_gradient;  ///< null unless in low_rank_gradient
  float* b_gradient;
};

/// Sizes of a low-rank product.
struct DndLowRank {
  int64_t in, out, rank;
  float scale;
  int64_t group_count;
  const DndLowRankGroup* groups;  ///< ascending, without overlap; rows in none get nothing
};

struct DndLanguageOperations {
  /// y[r] = table[ids[r]]; ids int32 [rows], within the table [vocabulary, columns]; y [rows, columns].
  DndStatus (*embed_tokens)(void* device, const DndControl*, const int32_t* ids, int64_t rows, DndWeight table,
                            int64_t columns, float* y);
  /// dtable [vocabulary, columns] (+)= Σ of dy's rows with that id, in their order; rows of other ids become 0 unless
  /// accumulate.
  DndStatus (*embed_tokens_gradient)(void* device, const DndControl*, const int32_t* ids, const float* dy, int64_t rows,
                                     int64_t vocabulary, int64_t columns, int32_t accumulate, float* dtable);

  /// y = x / √(mean(x²) + eps) · weight over the last `columns` of x [rows, columns] (Zhang & Sennrich 2019). y may be x.
  DndStatus (*rms_norm)(void* device, const DndControl*, const float* x, int64_t rows, int64_t columns,
                        const float* weight, float eps, float* y);
  /// Of rms_norm: dx (+ addend, null for none, may be dx), and dweight (+)= Σ over rows, null for a frozen weight.
  /// dx may be dy.
  DndStatus (*rms_norm_gradient)(void* device, const DndControl*, const float* x, const float* weight, float eps,
                                 const float* dy, const float* addend, int64_t rows, int64_t columns,
                                 int32_t accumulate, float* dx, float* dweight);

  /// Rotary positions (Su et al. 2021), in place, halves paired as in transformers: with h = head_width / 2,
  /// (x[i], x[i + h]) ← (x[i]·cos − x[i + h]·sin, x[i + h]·cos + x[i]·sin) where cos = table[position, i] and
  /// sin = table[position, h + i]; with −sin if `inverse`, the gradient. x [rows, heads, head_width]; positions int32
  /// [rows]; table: a parameter [positions, head_width].
  DndStatus (*rotate)(void* device, const DndControl*, const int32_t* positions, int64_t rows, int64_t heads,
                      int64_t head_width, const float* table, int32_t inverse, float* x);

  /// softmax(q·kᵀ/√head_width) · v, see DndCausalAttention. q, y [query rows, heads, head_width], k, v [key rows,
  /// kv_heads, head_width]. log_sums [query rows, heads], or null: log Σ exp of each query's scores, for the gradient.
  DndStatus (*causal_attention)(void* device, const DndControl*, const DndCausalAttention*, const float* q,
                                const float* k, const float* v, float* y, float* log_sums);
  /// dq, dk, dv from dy; every sequence's own keys are the rows of its queries, and those that it shares are the own keys
  /// of another one. Gradients of a shared key are added up in the order of the sequences. shared is workspace for them:
  /// [2, Σ shared_counts, kv_heads, head_width], null if there are none.
  DndStatus (*causal_attention_gradient)(void* device, const DndControl*, const DndCausalAttention*, const float* q,
                                         const float* k, const float* v, const float* y, const float* log_sums,
                                         const float* dy, float* shared, float* dq, float* dk, float* dv);

  /// y = silu(gate) · up, silu(g) = g / (1 + exp(−g)). y may be gate or up.
  DndStatus (*swiglu)(void* device, const DndControl*, const float* gate, const float* up, int64_t elements, float* y);
  /// dgate and dup from dy; either may be any of the inputs.
  DndStatus (*swiglu_gradient)(void* device, const DndControl*, const float* gate, const float* up, const float* dy,
                               int64_t elements, float* dgate, float* dup);

  /// As `linear` without activation, for few rows (decoding): each weight is read from memory once, as it is. Sums have
  /// another order than those of `linear`, but a row's result is the same for any number of rows.
  DndStatus (*linear_few_rows)(void* device, const DndControl*, const float* x, int64_t rows, int64_t in,
                               DndWeight weight, const float* bias, int64_t out, const float* residual, float* y);
  /// Of a weight that linear_input_gradient reads, beside upload_linear, whose rules it follows.
  DndStatus (*upload_linear_gradient)(void* device, DndWeight weight, int64_t out, int64_t in);
  /// dx = dy · weight (+ addend, null for none, may be dx); weight [out, in], dy [rows, out], dx [rows, in].
  DndStatus (*linear_input_gradient)(void* device, const DndControl*, const float* dy, int64_t rows, int64_t in,
                                     int64_t out, DndWeight weight, const float* addend, float* dx);

  /// For each group's rows: t = scale · x · aᵀ [rows, rank], y += t · bᵀ. x [rows, in], y [rows, out]. Rows of t in no
  /// group are not written.
  DndStatus (*low_rank)(void* device, const DndControl*, const DndLowRank*, const float* x, float* t, float* y);
  /// Of low_rank, t as it left it: b_gradient (+)= dyᵀ · t; dt = scale · dy · b; a_gradient (+)= dtᵀ · x;
  /// dx += dt · a unless dx is null. dt [rows, rank] is workspace.
  DndStatus (*low_rank_gradient)(void* device, const DndControl*, const DndLowRank*, const float* x, const float* t,
                                 const float* dy, int32_t accumulate, float* dt, float* dx);

  /// y[r] = x[index[r]]; index int32 [rows].
  DndStatus (*gather_rows)(void* device, const DndControl*, const float* x, const int32_t* index, int64_t rows,
                           int64_t columns, float* y);
  /// y[index[r]] = x[r], no index twice; first all of y [zeroed_rows, columns] becomes 0.
  DndStatus (*scatter_rows)(void* device, const DndControl*, const float* x, const int32_t* index, int64_t rows,
                            int64_t columns, int64_t zeroed_rows, float* y);

  /// losses[r] = log Σ exp(logits[r]) − logits[r][labels[r]] and, unless dlogits is null, dlogits = weight ·
  /// (softmax(logits) − one-hot(labels)). logits, dlogits [rows, vocabulary], dlogits may be logits; labels int32
  /// [rows], within the vocabulary; losses double [rows], host memory, valid when the device is synchronised. Unless
  /// predictions is null, predictions[r] becomes the most likely id, of several the smallest: int32 [rows], as losses.
  DndStatus (*cross_entropy)(void* device, const DndControl*, const float* logits, const int32_t* labels, int64_t rows,
                             int64_t vocabulary, double weight, float* dlogits, double* losses, int32_t* predictions);
  /// losses[r] = KL(softmax(targets[r]) ‖ softmax(logits[r])) and, in the place of logits, their gradient: weight ·
  /// (softmax(logits) − softmax(targets)). targets, logits [rows, vocabulary]; targets are workspace afterwards; losses
  /// as of cross_entropy.
  DndStatus (*kl_divergence)(void* device, const DndControl*, float* targets, float* logits, int64_t rows,
                             int64_t vocabulary, double weight, double* losses);
};
}
