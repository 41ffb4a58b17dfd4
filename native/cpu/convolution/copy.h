#pragma once

#include <cstdint>

#include "cpu/isa/kernels.h"

namespace dnd::cpu {

/// to[i·to_i + j·to_j] = from[i·from_i + j·from_j] for i < size_i, j < size_j; fast where each side has a stride of 1.
void copy_plane(const Kernels& kernels, const float* from, int64_t from_i, int64_t from_j, float* to, int64_t to_i,
                int64_t to_j, int64_t size_i, int64_t size_j);

/// The same, added to what is there.
void add_plane(const float* from, int64_t from_i, int64_t from_j, float* to, int64_t to_i, int64_t to_j, int64_t size_i,
               int64_t size_j);

}  // namespace dnd::cpu
