#pragma once

#include "backend.h"
#include "cuda/host/queue.h"
#include "cuda/runtime/handles.h"

namespace dnd::cuda {

/// Adds the device's time of a convolution's parts to `seconds` [kDndConvolutionParts], waiting for each; does nothing
/// where that is null, or while a pass is recorded.
class PartClock {
 public:
  PartClock(Queue& queue, double* seconds) : queue_(queue), seconds_(queue.recording() ? nullptr : seconds) {
    if (seconds_ == nullptr) return;
    begin_.reset(runtime::create_event(true));
    end_.reset(runtime::create_event(true));
  }

  template <typename Work>
  void time(DndConvolutionPart part, const Work& work) const {
    if (seconds_ == nullptr) return work();
    runtime::record(begin_.get(), queue_.stream());
    work();
    runtime::record(end_.get(), queue_.stream());
    runtime::synchronise(end_.get());
    seconds_[part] += runtime::elapsed_seconds(begin_.get(), end_.get());
  }

 private:
  const Queue& queue_;
  double* const seconds_;
  EventHandle begin_, end_;
};

}  // namespace dnd::cuda
