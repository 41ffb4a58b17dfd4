#pragma once

#include "backend_encoder.h"

namespace dnd::cpu {

/// The CPU's table of backend_encoder.h.
extern const DndEncoderOperations kEncoder;

}  // namespace dnd::cpu
