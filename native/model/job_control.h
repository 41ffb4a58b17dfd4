#pragma once

#include <algorithm>
#include <atomic>

#include "backend.h"
#include "core/job.h"

namespace dnd {

/// Adapts a job for a device: cancellation, and progress from completed multiply-adds.
class JobControl {
 public:
  /// `multiply_adds`: total that the operations will report.
  JobControl(Job& job, double multiply_adds) : job_(job), total_(multiply_adds) {
    control_.context = this;
    control_.cancelled = [](void* context) -> int32_t { return static_cast<JobControl*>(context)->job_.cancelled(); };
    control_.advance = [](void* context, double done) { static_cast<JobControl*>(context)->advance(done); };
  }
  JobControl(const JobControl&) = delete;
  JobControl& operator=(const JobControl&) = delete;

  const DndControl* get() const { return &control_; }

 private:
  void advance(double done) {
    const double before = done_.fetch_add(done, std::memory_order_relaxed);
    job_.set_progress(std::min(1.0, (before + done) / total_));
  }

  Job& job_;
  const double total_;
  std::atomic<double> done_{0};
  DndControl control_;
};

/// Cancellation without progress.
inline DndControl cancel_only(Job& job) {
  return {&job, [](void* context) -> int32_t { return static_cast<Job*>(context)->cancelled(); }, nullptr};
}

}  // namespace dnd
