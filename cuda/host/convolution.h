#pragma once

#include <cstdint>

#include "backend.h"
#include "control.h"

namespace dnd::cuda {

class Device;

/// Bytes of workspace; Error(kOutOfMemory) above the convolution's limit, `sufficient` then being a limit that would
/// do. Enough for every form that such a convolution's weight may be resident in.
int64_t convolution_workspace(Device& device, const DndConvolution& convolution, int64_t* sufficient);

/// Error(kInternal) if a parameter is not resident.
void convolution(Device& device, const Control& control, const DndConvolution& convolution,
                 const DndConvolutionOperands& operands);

}  // namespace dnd::cuda
