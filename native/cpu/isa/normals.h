#pragma once

#include <cstdint>

namespace dnd::cpu::DND_ISA {

/// TrainingKernels::normals of isa/training_kernels.h.
void normals(uint64_t first_block, int64_t blocks, const uint32_t* key, const uint32_t* stream, float* values);

}  // namespace dnd::cpu::DND_ISA
