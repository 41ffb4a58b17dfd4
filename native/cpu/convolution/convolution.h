#pragma once

#include <cstdint>

#include "backend.h"
#include "control.h"
#include "core/thread_pool.h"
#include "cpu/convolution/choice.h"

namespace dnd::cpu {

/// Bytes of workspace; Error(kOutOfMemory) above the convolution's limit, `sufficient` then being a limit that would
/// do.
int64_t convolution_workspace(ConvolutionChoices& choices, const DndConvolution& convolution, int64_t* sufficient);

/// The choices are those of a device with the pool's number of threads.
void convolution(ThreadPool& pool, const Control& control, ConvolutionChoices& choices,
                 const DndConvolution& convolution, const DndConvolutionOperands& operands);

}  // namespace dnd::cpu
