#pragma once

#include "backend.h"

namespace dnd {

/// What weight tokens of the normalisation 'residual' are relative to, in host memory: weight = mean + scale · element
/// of the token, and the mean itself where the scale is 0. See docs/formats.md.
struct ResidualReference {
  const float* mean = nullptr;    ///< [elements] of the adapter
  const float* scales = nullptr;  ///< [tokens]

  explicit operator bool() const { return mean != nullptr; }
};

/// Restores one adapter [elements] from its weight tokens [tokens, height, width], which have no margins. All in host
/// memory, whatever the device: next to decoding it costs nothing. The layout must have passed check_adapter_layout.
void restore_residual(const DndAdapterLayout& layout, const ResidualReference& reference, const float* tokens,
                      float* adapter);

}  // namespace dnd
