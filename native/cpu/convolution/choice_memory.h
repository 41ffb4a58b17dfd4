#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "backend.h"
#include "core/status.h"
#include "plan/geometry.h"

namespace dnd::cpu {

/// Cached choices, for a device with so many threads: the same convolution is looked up several times, and a
/// small one takes less time than its plan. A Choice has `workspace_bytes`; above the convolution's limit: nothing fits
/// into it. Safe to call from any thread.
template <typename Choice>
class ChoiceMemory {
 public:
  using Choose = Choice (*)(const DndConvolution& convolution, int threads);

  /// `what`: what is chosen, for sentences.
  ChoiceMemory(int threads, const char* what, Choose choose) : threads_(threads), what_(what), choose_(choose) {}

  int threads() const { return threads_; }

  std::shared_ptr<const Choice> of(const DndConvolution& convolution) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = made_.find(convolution); found != made_.end()) return found->second;
    }
    auto choice = std::make_shared<const Choice>(choose_(convolution, threads_));
    const std::lock_guard lock(mutex_);
    if (made_.size() >= kMost) made_.clear();
    return made_.emplace(convolution, std::move(choice)).first->second;
  }

  /// The same; Error(kOutOfMemory) where it needs more than the limit.
  std::shared_ptr<const Choice> within_limit(const DndConvolution& convolution) {
    std::shared_ptr<const Choice> choice = of(convolution);
    if (choice->workspace_bytes > convolution.workspace_limit) refuse(choice->workspace_bytes, convolution);
    return choice;
  }

  /// Bytes of workspace. Error(kOutOfMemory) above the convolution's limit, `sufficient` then being a limit that would
  /// do.
  int64_t workspace(const DndConvolution& convolution, int64_t* sufficient) {
    int64_t bytes = INT64_MAX;
    try {
      bytes = of(convolution)->workspace_bytes;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory) throw;
    }
    if (bytes > convolution.workspace_limit) {
      *sufficient = sufficient_limit(convolution);
      refuse(*sufficient, convolution);
    }
    *sufficient = convolution.workspace_limit;
    return bytes;
  }

 private:
  struct Before {
    bool operator()(const DndConvolution& a, const DndConvolution& b) const { return fields_of(a) < fields_of(b); }
  };
  static constexpr size_t kMost = 512;  ///< several decoders' convolutions at several batches; then all are forgotten

  /// A limit above the convolution's own, and not much above the least, with which it is possible.
  int64_t sufficient_limit(DndConvolution convolution) const {
    constexpr int64_t kStep = int64_t{1} << 20;
    for (;;) {
      // Limit after limit is tried: what a choice takes under one does not carry over to another, which may change the
      // plan.
      convolution.workspace_limit += std::max(kStep, convolution.workspace_limit / 8);
      try {
        if (choose_(convolution, threads_).workspace_bytes <= convolution.workspace_limit) {
          return convolution.workspace_limit;
        }
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kOutOfMemory) throw;
      }
    }
  }

  [[noreturn]] void refuse(int64_t bytes, const DndConvolution& convolution) const {
    throw Error(ErrorCode::kOutOfMemory, std::string(what_) + ": it needs " + std::to_string(bytes) +
                                             " bytes of workspace, and its limit is " +
                                             std::to_string(convolution.workspace_limit));
  }

  const int threads_;
  const char* const what_;
  const Choose choose_;
  std::mutex mutex_;
  std::map<DndConvolution, std::shared_ptr<const Choice>, Before> made_;
};

}  // namespace dnd::cpu
