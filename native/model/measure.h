#pragma once

#include <cstdint>

#include "core/job.h"
#include "model/device.h"

/// How fast the device's operations run here, on random data: for `npm run bench` and `dnd doctor`.
namespace dnd {

/// Seconds of the fastest of a few products of two n×n matrices. threads 0 = default.
/// Error(kInvalidArgument) for n < 1, Error(kOutOfMemory), Error(kAborted).
double measure_gemm(int64_t n, int threads, Job& job);

struct ConvolutionSize {
  DndAxis axis;
  int64_t batch, tokens, height, width;
  int64_t out_channels;
  int32_t kernel_size;
};

/// Seconds of the fastest of a few convolutions of this size. Errors as above.
double measure_convolution(const ConvolutionSize& size, int threads, Job& job);

}  // namespace dnd
