#pragma once

#include <atomic>
#include <functional>

#include "core/status.h"

namespace dnd {

/// What a caller holds of running work: a flag to stop it, a fraction that grows.
/// `cancel` may be called from any thread; the work asks `throw_if_cancelled` at every tile.
class Job {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  void throw_if_cancelled() const {
    if (cancelled()) throw Error(ErrorCode::kAborted, "the work was cancelled");
  }

  /// Fraction done, 0…1; written by the work, read for display.
  void set_progress(double fraction) { progress_.store(fraction, std::memory_order_relaxed); }
  double progress() const { return progress_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<double> progress_{0};
};

}  // namespace dnd
