#pragma once

#include <ctime>

#include "backend.h"

namespace dnd::cpu {

/// Processor time of the parts of a spectral convolution (DndConvolutionPart) or of a weight's gradient
/// (DndWeightGradientPart) on one thread, if requested.
struct SpectralProfile {
  bool wanted;
  double seconds[kDndConvolutionParts] = {};
};

/// Adds the processor time of a scope to one part of a requested profile.
class PartTimer {
 public:
  PartTimer(SpectralProfile& profile, int part) : profile_(profile), part_(part) {
    if (profile_.wanted) begin_ = now();
  }
  ~PartTimer() {
    if (profile_.wanted) profile_.seconds[part_] += now() - begin_;
  }
  PartTimer(const PartTimer&) = delete;
  PartTimer& operator=(const PartTimer&) = delete;

 private:
  static double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  SpectralProfile& profile_;
  int part_;
  double begin_ = 0;
};

}  // namespace dnd::cpu
