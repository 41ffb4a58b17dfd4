#pragma once

#include "toolkit/device_code.h"

namespace dnd::cuda {

/// A LayerNorm's output from its input, mean and rstd; the mean is `mean` + `residue`.
__device__ __forceinline__ float normalised(float x, float mean, float residue, float scale, float weight, float bias) {
  return ((x - mean) - residue) * scale * weight + bias;
}

}  // namespace dnd::cuda
