#include "cuda/host/convolution.h"

#include <algorithm>
#include <string>

#include "cuda/host/device.h"
#include "cuda/host/part_clock.h"
#include "cuda/host/spectral.h"
#include "cuda/kernels/direct_convolution.h"

namespace dnd::cuda {
namespace {

[[noreturn]] void refuse(int64_t bytes, int64_t limit) {
  throw Error(ErrorCode::kOutOfMemory, "convolution: it needs " + std::to_string(bytes) +
                                           " bytes of workspace, and its limit is " + std::to_string(limit));
}

/// Workspace where weights are resident in one form.
int64_t workspace_of(Device& device, const DndConvolution& convolution, bool spectra_resident, int64_t* sufficient) {
  try {
    return device.choices.of(convolution, spectra_resident)->plan.workspace_bytes;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    *sufficient = std::max(*sufficient, device.choices.least_workspace(convolution, spectra_resident));
    return 0;
  }
}

/// The parameters that the epilogue and the normalisation read, on the device.
DndConvolutionOperands on_device(const Device& device, const DndConvolution& convolution, const Geometry& geometry,
                                 DndConvolutionOperands operands) {
  if (convolution.normalised != 0) {
    const int64_t plane = convolution.height * convolution.width;
    operands.norm_weight = device.resident.values(operands.norm_weight, plane, "the weight of a layer's normalisation");
    operands.norm_bias = device.resident.values(operands.norm_bias, plane, "the bias of a layer's normalisation");
  } else {
    operands.mean_rstd = operands.norm_weight = operands.norm_bias = nullptr;
  }
  switch (convolution.epilogue) {
    case kDndStore: operands.bias = operands.addend = nullptr; break;
    case kDndMergePaths:
      operands.bias = device.resident.values(operands.bias, geometry.out_channels * convolution.height,
                                             "the bias of a layer's paths");
      break;
    case kDndTokenBias:
      operands.bias = device.resident.values(operands.bias, geometry.out_channels, "the bias of a layer's tokens");
      break;
    case kDndAdd: break;
  }
  return operands;
}

void run_direct(Device& device, const Control& control, const DndConvolution& convolution,
                const ConvolutionChoice& choice, const DndConvolutionOperands& operands) {
  const PartClock clock(device.queue, operands.part_seconds);
  clock.time(kDndProductPart, [&] {
    device.queue.launch(control, choice.plan.cost.total(), choice.plan.direct_multiply_adds(),
                        [&](runtime::Stream stream) { launch_direct_convolution(stream, convolution, operands); });
  });
}

}  // namespace

int64_t convolution_workspace(Device& device, const DndConvolution& convolution, int64_t* sufficient) {
  *sufficient = convolution.workspace_limit;
  const ResidentParameters::Forms forms = device.resident.forms_of(convolution);
  int64_t bytes = 0;
  if (forms.spectra) bytes = workspace_of(device, convolution, true, sufficient);
  if (forms.taps) bytes = std::max(bytes, workspace_of(device, convolution, false, sufficient));
  if (*sufficient > convolution.workspace_limit) refuse(*sufficient, convolution.workspace_limit);
  return bytes;
}

void convolution(Device& device, const Control& control, const DndConvolution& convolution,
                 const DndConvolutionOperands& operands) {
  if (operands.weight_type != kDndFloat32Weight) {
    throw Error(ErrorCode::kInternal, "a convolution on a CUDA device has a weight in float32");
  }
  const ResidentParameters::Convolution& weight =
      device.resident.convolution(static_cast<const float*>(operands.weight), convolution);
  const bool direct = weight.form.algorithm == Algorithm::kDirect;
  const auto choice = device.choices.of(convolution, direct || weight.spectra);
  DndConvolutionOperands there = on_device(device, convolution, choice->geometry, operands);
  there.weight = weight.weight.as<const float>();
  if (direct) {
    run_direct(device, control, convolution, *choice, there);
  } else {
    convolve_spectral(device, control, convolution, *choice, weight, there);
  }
}

}  // namespace dnd::cuda
