#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"
#include "cuda/runtime/index.h"

namespace dnd::cuda {

/// A grid of `blocks` blocks in a row. Error(kInvalidArgument) where a device cannot count them.
inline Index3 grid_of(int64_t blocks, const char* name) {
  if (blocks > INT32_MAX) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(name) + ": " + std::to_string(blocks) + " blocks are more than a device can count");
  }
  return {static_cast<unsigned>(blocks), 1, 1};
}

/// Whether floats from `pointer` on can be read four at a time.
inline bool is_aligned_16(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

}  // namespace dnd::cuda
