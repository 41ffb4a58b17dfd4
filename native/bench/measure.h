#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/job.h"
#include "model/device.h"

/// How fast the device's operations run here, on random data: for `npm run bench` and `dnd plan --measure`.
namespace dnd {

/// How often something is done and timed.
struct MeasureOptions {
  DeviceChoice device = 0;
  int runs = 1;                 ///< at least 1
  double enough_seconds = 1e9;  ///< no further run begins once the runs have taken this long together
};

/// Each of these does its work once for warming up, untimed unless that took so long (kWarmUpSeconds) that it cost
/// another run and no longer matters; then it counts as the first run. The result: the seconds of each run, in order.
/// Error(kInvalidArgument) for sizes or runs below 1, Error(kOutOfMemory), Error(kAborted).
constexpr double kWarmUpSeconds = 5;

/// Product of two n×n matrices.
std::vector<double> measure_gemm(int64_t n, const MeasureOptions& options, Job& job);

/// Copy of `bytes` by all threads of the CPU: to measure the memory's rate they must far exceed the caches.
/// Counted as read and written, a run moves twice as many.
std::vector<double> measure_copy(int64_t bytes, const MeasureOptions& options, Job& job);

struct ConvolutionRuns {
  std::vector<double> seconds;
  /// Processor time by DndConvolutionPart, summed over the threads, of the run that took the median time; zeros for the
  /// direct algorithm.
  std::array<double, kDndConvolutionParts> part_seconds{};
};

/// Convolution without normalisation and epilogue, whatever `size` says of them.
ConvolutionRuns measure_convolution(DndConvolution size, const MeasureOptions& options, Job& job);

}  // namespace dnd
