#pragma once

#include <cstddef>
#include <cstdint>

#include "backend.h"
#include "core/thread_pool.h"
#include "cpu/control.h"

/// The operations of backend.h on the CPU, one file each. Meaning and shapes are described there; failures are thrown
/// as dnd::Error and become statuses in backend.cc.
namespace dnd::cpu {

void layer_norm(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y);

void merge_paths(ThreadPool& pool, const Control& control, const float* a, const float* p, const float* bias,
                 int64_t rows, int64_t columns, float* s);

void add_bias_residual(ThreadPool& pool, const Control& control, float* y, const float* bias, const float* x,
                       int64_t batch, int64_t tokens, int64_t columns);

size_t convolution_workspace(int threads, DndAxis axis, int64_t batch, int64_t tokens, int64_t height, int64_t width,
                             int64_t out_channels, int32_t kernel_size);

void convolution(ThreadPool& pool, const Control& control, DndAxis axis, const float* x, int64_t batch, int64_t tokens,
                 int64_t height, int64_t width, const float* weight, int64_t out_channels, int32_t kernel_size,
                 float* y, void* workspace);

void linear(ThreadPool& pool, const Control& control, const float* x, int64_t rows, int64_t in, const float* weight,
            const float* bias, int64_t out, DndActivation activation, const float* residual, float* y);

void embed(ThreadPool& pool, const Control& control, const int32_t* ids, const int32_t* positions, int64_t rows,
           const float* word, const float* position, const float* type, int64_t columns, float* y);

void attention(ThreadPool& pool, const Control& control, const float* qkv, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y);

void mean_pool(ThreadPool& pool, const Control& control, const float* x, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t columns, float* y);

}  // namespace dnd::cpu
