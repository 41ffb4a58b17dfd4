#pragma once

#include <string>
#include <vector>

#include "plan/cuda_plan.h"

namespace dnd {

/// A tiling of one task's convolution in its fastest chunks of tiles: resident weights, no workspace limit.
struct CudaTilingCandidate {
  CudaTiling tiling;
  CudaCost cost;
};

/// Every tiling whose tiles have outputs and are no larger than the axes need; none for kernels that have no transform.
std::vector<CudaTilingCandidate> cuda_tilings(ConvolutionShape shape, DndPrecision precision, const CudaRates& rates);

/// The fastest that passes a filter, the first of equals; null where none does.
const CudaTilingCandidate* fastest(const std::vector<CudaTilingCandidate>& candidates, auto filter) {
  const CudaTilingCandidate* found = nullptr;
  for (const CudaTilingCandidate& candidate : candidates) {
    if (filter(candidate) && (found == nullptr || candidate.cost.total() < found->cost.total())) found = &candidate;
  }
  return found;
}

}  // namespace dnd
