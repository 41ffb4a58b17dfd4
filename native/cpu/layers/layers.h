#pragma once

#include <cstddef>
#include <cstdint>

#include "backend.h"
#include "backend_encoder.h"
#include "control.h"
#include "core/thread_pool.h"

/// The operations of backend.h and backend_encoder.h on the CPU but the convolution (convolution/convolution.h), one file each. Meaning
/// and shapes are described there; failures are thrown as dnd::Error and become statuses in backend.cc.
namespace dnd::cpu {

void layer_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y);

void norm_statistics(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns, float eps,
                     float* mean_rstd);

/// y[row] = (x[row] − mean) · scale · weight + bias with the mean and rstd of each row.
void normalise(ThreadPool& pool, const Control& control, const float* x, const float* mean_rstd, int64_t rows,
               int64_t columns, const float* weight, const float* bias, float* y);

/// The epilogues of a convolution, in place: y is [rows, columns].
/// y = (a + tanh(y) + bias) / 3, bias [columns].
void merge_paths(ThreadPool& pool, const Control& control, const float* a, const float* bias, int64_t rows,
                 int64_t columns, float* y);
/// y[row] += bias[row % tokens] (+ residual[row] where it is not null).
void add_token_bias(ThreadPool& pool, const Control& control, const float* bias, const float* residual, int64_t rows,
                    int64_t columns, int64_t tokens, float* y);

void linear(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t in, DndWeight weight,
            const float* bias, int64_t out, DndActivation activation, const float* residual, float* y);

void embed(ThreadPool& pool, const Control& control, const int32_t* ids, const int32_t* positions, int64_t rows,
           DndWeight word, const float* position, const float* type, int64_t columns, float* y);

void attention(ThreadPool& pool, const Control& control, const float* qkv, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y);

/// Of backend_encoder.h, as the next.
void gathered_attention(ThreadPool& pool, const Control& control, const DndGatheredAttention& shape, const float* q,
                        const float* kv, float* y);

void relative_attention(ThreadPool& pool, const Control& control, const DndRelativeAttention& shape, const float* q,
                        const float* k, const float* v, float* y);
void multiply(ThreadPool& pool, const Control& control, const float* a, const float* b, int64_t elements, float* y);

void mean_pool(ThreadPool& pool, const Control& control, const float* x, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t columns, float* y);

/// In double precision, as src/adapter/token.ts reads a token. Error(kInvalidArgument) as of check_adapter_layout.
void reconstruct(ThreadPool& pool, const Control& control, const float* tokens, int64_t batch,
                 const DndAdapterLayout& layout, float* adapters);

}  // namespace dnd::cpu
