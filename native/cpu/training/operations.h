#pragma once

#include <cstdint>

#include "backend_training.h"
#include "control.h"
#include "core/thread_pool.h"

/// The operations of backend_training.h on the CPU but the convolutions' (convolution/weight_gradient.h). Meaning and
/// shapes are described there; failures are thrown as dnd::Error and become statuses in training_backend.cc. What is
/// summed over is summed in double, in blocks that depend on the shape alone.
namespace dnd::cpu {

/// merge_paths of the table; beside the epilogue of operations.h it keeps tanh(p).
void merge_paths_keeping(ThreadPool& pool, const Control& control, const float* a, float* p, const float* bias,
                         int64_t rows, int64_t columns, float* s);
void split_paths(ThreadPool& pool, const Control& control, const float* ds, const float* t, int64_t elements, float* da,
                 float* dp);

void sum_rows(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns, bool accumulate,
              float* sums);
void sum_tokens(ThreadPool& pool, const Control& control, const float* x, int64_t batch, int64_t tokens,
                int64_t elements, bool accumulate, float* sums);
double sum_squares(ThreadPool& pool, const Control& control, const float* x, int64_t elements);

void layer_norm_gradient(ThreadPool& pool, const Control& control, const float* x, const float* mean_rstd,
                         const float* weight, const float* dy, const float* addend, int64_t rows, int64_t columns,
                         bool accumulate, float* dx, float* dweight, float* dbias);

void linear_gradient(ThreadPool& pool, const Control& control, const float* x, const float* dy, int64_t rows,
                     int64_t in, int64_t out, const float* weight, bool accumulate, float* dx, float* dweight,
                     float* dbias);

void token_loss(ThreadPool& pool, const Control& control, const float* y, const float* target, const float* importance,
                int64_t batch, int64_t tokens, int64_t elements, double weight, float* dy, DndTokenSums* sums);

void add(ThreadPool& pool, const Control& control, const float* x, int64_t elements, float* y);

void add_noise(ThreadPool& pool, const Control& control, const DndNoise& noise, int64_t elements, float* x);

/// Error(kInvalidArgument) where the step is below 1.
void adamw(ThreadPool& pool, const Control& control, const DndAdamW& options, const float* gradient, int64_t elements,
           float* parameter, float* first, float* second);
void adamw_quantised(ThreadPool& pool, const Control& control, const DndAdamW& options, const float* gradient,
                     int64_t elements, float* parameter, const DndQuantisedMoments& moments);

}  // namespace dnd::cpu
