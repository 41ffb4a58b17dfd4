#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "plan/transform_sizes.h"

namespace dnd {

/// Sentences of plans, whose numbers are printed as printf does.
std::string plan_text(const char* format, auto... values) {
  char buffer[256];
  std::snprintf(buffer, sizeof(buffer), format, values...);
  return buffer;
}

/// Why a convolution of more than kLargestSpectralKernel taps has no spectral plan.
inline std::string no_weight_transform() {
  return plan_text("kernels of more than %lld taps have no weight transform",
                   static_cast<long long>(kLargestSpectralKernel));
}

/// Why there is no spectral plan: the kernel is too long, or not even one tile fits.
inline std::string why_no_tiling(bool kernel_fits, int64_t workspace_bytes) {
  if (!kernel_fits) return no_weight_transform();
  return plan_text("one tile exceeds the budget of %.3g MiB", static_cast<double>(workspace_bytes) / (1 << 20));
}

}  // namespace dnd
