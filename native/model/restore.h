#pragma once

#include <cstdint>

#include "core/job.h"
#include "model/device.h"

namespace dnd {

/// De-normalises weight tokens [batch, tokens, height, width] on a device of its own: `adapters` are `batch` places for
/// layout.elements each. What Decoder::adapters does with its tokens, for tokens from elsewhere.
/// Error(kInvalidArgument) as of check_adapter_layout, Error(kOutOfMemory), Error(kAborted), Error(kUnavailable).
void restore_adapters(const DeviceChoice& choice, const float* tokens, int64_t batch, const DndAdapterLayout& layout,
                      float* const* adapters, Job& job);

}  // namespace dnd
