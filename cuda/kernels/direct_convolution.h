#pragma once

#include "backend.h"
#include "cuda/runtime/runtime.h"

/// A hyper-convolution term by term in float32, made for few channels. Taps in the padding are skipped. The input is
/// normalised where it is fetched, and the epilogue follows in registers.
namespace dnd::cuda {

/// As `convolution` of native/backend.h, which defines shapes and epilogues; every pointer is on the device, parameters
/// too. workspace, part_seconds and the convolution's algorithm and limit do not matter.
/// Error(kInvalidArgument) as convolution_geometry.
void launch_direct_convolution(runtime::Stream stream, const DndConvolution& convolution,
                               const DndConvolutionOperands& operands);
void launch_direct_convolution_naive(runtime::Stream stream, const DndConvolution& convolution,
                                     const DndConvolutionOperands& operands);

}  // namespace dnd::cuda
