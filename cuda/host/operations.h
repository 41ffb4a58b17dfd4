#pragma once

#include <cstdint>

#include "backend.h"
#include "control.h"

/// The operations of backend.h but the convolution. Meaning and shapes are described there. Parameters are named by
/// their host addresses and must be resident: Error(kInternal) otherwise. Error(kAborted) once the caller has
/// cancelled.
namespace dnd::cuda {

class Device;

void layer_norm(Device& device, const Control& control, const float* x, int64_t rows, int64_t columns,
                const float* weight, const float* bias, float eps, float* y);

void norm_statistics(Device& device, const Control& control, const float* x, int64_t rows, int64_t columns, float eps,
                     float* mean_rstd);

void linear(Device& device, const Control& control, const float* x, int64_t rows, int64_t in, const float* weight,
            const float* bias, int64_t out, DndActivation activation, const float* residual, float* y);

void embed(Device& device, const Control& control, const int32_t* ids, const int32_t* positions, int64_t rows,
           const float* word, const float* position, const float* type, int64_t columns, float* y);

void attention(Device& device, const Control& control, const float* qkv, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t longest, int64_t heads, int64_t head_width, float* y);

void mean_pool(Device& device, const Control& control, const float* x, const int32_t* mask, const int64_t* offsets,
               int64_t sequences, int64_t columns, float* y);

void reconstruct(Device& device, const Control& control, const float* tokens, int64_t batch,
                 const DndAdapterLayout& layout, float* adapters);

}  // namespace dnd::cuda
