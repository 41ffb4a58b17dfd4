#pragma once

#include <cstdint>

#include "core/job.h"
#include "model/device.h"
#include "model/residual.h"

namespace dnd {

/// Reconstructs adapters from weight tokens [batch, tokens, height, width] on a new device, as Decoder::adapters does
/// with its own tokens (with a `residual`: on the host). `adapters`: `batch` pointers to layout.elements floats each.
/// Error(kInvalidArgument) from check_adapter_layout, Error(kOutOfMemory), Error(kAborted), Error(kUnavailable).
void reconstruct_adapters(const DeviceChoice& choice, const float* tokens, int64_t batch,
                          const DndAdapterLayout& layout, float* const* adapters, Job& job,
                          const ResidualReference& residual = {});

}  // namespace dnd
