#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"
#include "plan/cuda_plan.h"

/// What launchers of tile kernels refuse, so that no kernel counts beyond its 32 bits.
namespace dnd::cuda {

inline void check_tiling(const char* kernel, const CudaTiling& tiling, int64_t last_tile) {
  for (const TileAxis* axis : {&tiling.full, &tiling.halved}) {
    bool known = false;
    for (int64_t points : kCudaTransformSizes) known |= axis->points == points;
    if (!known) {
      throw Error(ErrorCode::kInvalidArgument,
                  std::string(kernel) + ": there is no transform of " + std::to_string(axis->points) + " points");
    }
  }
  if (last_tile > INT32_MAX) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(kernel) + ": " + std::to_string(last_tile) + " tiles are too many; make the batch smaller");
  }
}

/// The number of blocks of a launch.
inline unsigned check_blocks(const char* kernel, int64_t blocks) {
  if (blocks < 1 || blocks > INT32_MAX) {
    throw Error(ErrorCode::kInvalidArgument, std::string(kernel) + ": " + std::to_string(blocks) +
                                                 " blocks cannot be launched; they are 1 to 2147483647");
  }
  return static_cast<unsigned>(blocks);
}

}  // namespace dnd::cuda
