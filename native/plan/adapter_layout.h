#pragma once

#include "backend.h"

namespace dnd {

/// Error(kInvalidArgument), naming what is wrong, unless every tensor's tokens, chunks and elements are within the
/// layout's: what comes from outside may then be followed without further checks.
void check_adapter_layout(const DndAdapterLayout& layout);

}  // namespace dnd
