#pragma once

#include "backend.h"

namespace dnd {

/// Error(kInvalidArgument), naming what is wrong, unless every tensor's tokens, chunks and elements are within the
/// layout's: what comes from outside may then be followed without further checks.
/// `margins`: tokens hold mean and deviation in margins, so both sizes must be even.
void check_adapter_layout(const DndAdapterLayout& layout, bool margins = true);

}  // namespace dnd
