#pragma once

#include <cstdint>

#include "backend.h"
#include "control.h"

namespace dnd::cuda {

class Device;

/// Bytes of workspace; Error(kOutOfMemory) above the convolution's limit, `sufficient` then being a limit that would
/// do. Enough for every form that a weight of such a convolution is held in.
int64_t convolution_workspace(Device& device, const DndConvolution& convolution, int64_t* sufficient);

/// Error(kInternal) where a parameter is not held.
void convolution(Device& device, const Control& control, const DndConvolution& convolution,
                 const DndConvolutionOperands& operands);

}  // namespace dnd::cuda
