#pragma once

#include <ctime>

namespace dnd::cpu {

/// Processor time of the parts of a spectral convolution, summed over threads; for measurements only.
struct SpectralProfile {
  enum Part { kForward, kHalve, kColumns, kProduct, kInverse, kParts };
  double seconds[kParts] = {};
};

/// Adds the processor time of a scope to one part, when there is a profile.
class PartTimer {
 public:
  PartTimer(SpectralProfile* profile, SpectralProfile::Part part) : profile_(profile), part_(part) {
    if (profile_ != nullptr) begin_ = now();
  }
  ~PartTimer() {
    if (profile_ != nullptr) profile_->seconds[part_] += now() - begin_;
  }
  PartTimer(const PartTimer&) = delete;
  PartTimer& operator=(const PartTimer&) = delete;

 private:
  static double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  SpectralProfile* profile_;
  SpectralProfile::Part part_;
  double begin_ = 0;
};

}  // namespace dnd::cpu
