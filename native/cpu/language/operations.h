#pragma once

#include <cstdint>

#include "backend_language.h"
#include "control.h"
#include "core/thread_pool.h"

/// The operations of backend_language.h on the CPU. Meaning and shapes are described there; failures are thrown as
/// dnd::Error and become statuses in language_backend.cc.
namespace dnd::cpu {

void embed_tokens(ThreadPool& pool, const Control& control, const int32_t* ids, int64_t rows, DndWeight table,
                  int64_t columns, float* y);
void embed_tokens_gradient(ThreadPool& pool, const Control& control, const int32_t* ids, const float* dy, int64_t rows,
                           int64_t vocabulary, int64_t columns, bool accumulate, float* dtable);

void rms_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
              const float* weight, float eps, float* y);
void rms_norm_gradient(ThreadPool& pool, const Control& control, const float* x, const float* weight, float eps,
                       const float* dy, const float* addend, int64_t rows, int64_t columns, bool accumulate, float* dx,
                       float* dweight);

void rotate(ThreadPool& pool, const Control& control, const int32_t* positions, int64_t rows, int64_t heads,
            int64_t head_width, const float* table, bool inverse, float* x);

void causal_attention(ThreadPool& pool, const Control& control, const DndCausalAttention& shape, const float* q,
                      const float* k, const float* v, float* y, float* log_sums);
void causal_attention_gradient(ThreadPool& pool, const Control& control, const DndCausalAttention& shape,
                               const float* q, const float* k, const float* v, const float* y, const float* log_sums,
                               const float* dy, float* shared, float* dq, float* dk, float* dv);

void swiglu(ThreadPool& pool, const Control& control, const float* gate, const float* up, int64_t elements, float* y);
void swiglu_gradient(ThreadPool& pool, const Control& control, const float* gate, const float* up, const float* dy,
                     int64_t elements, float* dgate, float* dup);

void linear_few_rows(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t in,
                     DndWeight weight, const float* bias, int64_t out, const float* residual, float* y);
void linear_input_gradient(ThreadPool& pool, const Control& control, const float* dy, int64_t rows, int64_t in,
                           int64_t out, DndWeight weight, const float* addend, float* dx);

void low_rank(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* x, float* t, float* y);
void low_rank_gradient(ThreadPool& pool, const Control& control, const DndLowRank& shape, const float* x,
                       const float* t, const float* dy, bool accumulate, float* dt, float* dx);

void gather_rows(ThreadPool& pool, const Control& control, const float* x, const int32_t* index, int64_t rows,
                 int64_t columns, float* y);
void scatter_rows(ThreadPool& pool, const Control& control, const float* x, const int32_t* index, int64_t rows,
                  int64_t columns, int64_t zeroed_rows, float* y);

void cross_entropy(ThreadPool& pool, const Control& control, const float* logits, const int32_t* labels, int64_t rows,
                   int64_t vocabulary, double weight, float* dlogits, double* losses, int32_t* predictions);
void kl_divergence(ThreadPool& pool, const Control& control, float* targets, float* logits, int64_t rows,
                   int64_t vocabulary, double weight, double* losses);

}  // namespace dnd::cpu
