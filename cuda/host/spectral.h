#pragma once

#include "backend.h"
#include "control.h"
#include "cuda/host/choice.h"
#include "cuda/host/resident.h"

namespace dnd::cuda {

class Device;

/// A spectral convolution in the chunks of its plan; operands all on the device, the weight in its resident form.
void convolve_spectral(Device& device, const Control& control, const DndConvolution& convolution,
                       const ConvolutionChoice& choice, const ResidentParameters::Convolution& weight,
                       const DndConvolutionOperands& operands);

}  // namespace dnd::cuda
